"""One sampling run with its pin attached: hooks on, hooks off, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from .methods import RAISED_LEVELS, Method
from .pin import Clock, History, Noised, Pin, Place, laid_over
from .schedule import FREE, NEVER, Schedule
from .settings import Refused

LEVEL_TOLERANCE = 1e-4
"""Relative. DPM fast and DPM adaptive recompute the schedule's levels through logarithms; 1000 Karras steps lie 6e-3
apart."""


class StateIsHidden(Exception):
    """The sampler does not step from the tensor that it passes to the model."""


class SamplingSession:
    """Pins one sampling run.

    Most samplers step from the very tensor that they pass to the model: there the pin is written into it. One that
    carries its state elsewhere is known by `method`, or found out in the run: what it starts from is marked in a held
    cell, and the pin of the first call wipes the mark out of the only state there is, or else the second call still
    shows it. Such a run starts again, steered by what the model gives back too, as ComfyUI and the WebUI do it:
    for a cell that waits, that it is the original already, which carries any state along the noised original.

    Args:
        denoiser: the module that the sampler calls as `denoiser(x, level, ...)`.
        method: the sampler's.
        schedule: of this run.
        strength: of each cell, float64 in 0..1, at most the run's own: (h, w) for all pictures, or (B, h, w).
        original: latent of the picture as given, (B, C, h, w).
        noise: the run's own initial noise, (B, C, h, w).
        noised: the original at a level.
        certain: what the model gives back where it is certain of the original: the original itself, or the noise where
            the model predicts noise, (B, C, h, w).
        clock: in which the sampler extrapolates.

    Attributes:
        holds: whether any cell is held after the first call.
        kept: cells for which no step is left, bool, of the shape of `strength`.

    Raises:
        Refused: a sampler that no map can steer, or whose step neither count nor level tells.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        method: Method,
        schedule: Schedule,
        strength: np.ndarray,
        original: Tensor,
        noise: Tensor,
        noised: Noised,
        certain: Tensor,
        clock: Clock = torch.log,
    ) -> None:
        release = schedule.release_map(strength)
        self.holds = bool((release < schedule.t_enc).any())
        self.kept = release == NEVER
        if self.holds and method.cannot:
            raise Refused(f"{method.cannot}, so no map can steer it. Choose another sampler.")
        if self.holds and method.countdown is None and not schedule.tells_steps_apart(2 * LEVEL_TOLERANCE):
            raise Refused(
                "this schedule type has the same level more than once, or rising ones, and the sampler shows by its "
                "levels alone which step it is in. Choose another schedule type or sampler."
            )
        self._method = method
        self._pin = Pin(original, noised, laid_over(original, release))
        self._denoiser = denoiser
        self._schedule = schedule
        self._shape = noise.shape
        self._certain = certain
        self._countdown = method.countdown
        self._clock = clock if method.keeps_two_outputs else None
        self._state_is_hidden = method.state_is_hidden
        self._corrects = method.corrects
        levels = torch.tensor(schedule.call_levels, dtype=torch.float32, device=original.device)
        self._levels = levels * (1 - LEVEL_TOLERANCE)
        self._raised = torch.zeros((), dtype=torch.bool)
        self._begin()

    @property
    def why_uneven(self) -> str:
        """See `methods.Method`; empty, too, where nothing was held. Waits for the device."""
        if not self.holds:
            return ""
        return self._method.why_uneven or (RAISED_LEVELS if self._raised.item() else "")

    def _begin(self) -> None:
        self._history = History(self._clock)
        self._calls = 0
        self._place: Place = FREE
        self._call_under_way: Place = FREE
        self._visits = torch.zeros_like(self._levels, dtype=torch.int32)
        """Calls at each level of the schedule, from `idle` on."""

    def sample(self, sampler: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """What `sampler` makes of its first state `x`, (B, C, h, w), with every model call pinned.

        Raises:
            Refused: a sampler that no pin can follow.
        """
        with self._hooks():
            if not self._state_is_hidden:
                try:
                    return sampler(self._marked(x))
                except StateIsHidden:
                    self._state_is_hidden = True
                    self._begin()
            return sampler(x)

    def _marked(self, x: Tensor) -> Tensor:
        """`x` with one value that is no number, in a cell that waits: the last, since some samplers read a seed off
        the first."""
        waiting = self._pin.waiting(self._schedule.t_enc).expand_as(x).flatten().nonzero()
        return x.flatten().index_fill(0, waiting[-1:, 0], torch.nan).view_as(x)

    def shown(self, estimate: Tensor) -> Tensor:
        """What a live preview shows of the call under way: the model's estimate of the picture, (B, C, h, w), with
        cells whose own steps are still to come as the original. An estimate of another shape is left as it is."""
        return self._pin.keep(estimate, self._call_under_way) if estimate.shape == self._shape else estimate

    def finish(self, samples: Tensor) -> Tensor:
        """The run's latent, (B, C, h, w): cells whose step never came, also by an interrupt, are the original."""
        return self._pin.keep(samples, self._place)

    @contextmanager
    def _hooks(self) -> Iterator[None]:
        handles = [
            # first of all such hooks: another's may hand on a copy, and the sampler steps from its own x
            self._denoiser.register_forward_pre_hook(self._before_call, prepend=True),
            self._denoiser.register_forward_hook(self._after_call),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before_call(self, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        x, level = args[:2]
        if self._is_aside(x):
            return
        if self._calls == 1 and self.holds and not self._state_is_hidden and x.isnan().any():
            raise StateIsHidden
        place = self._place_of_call(level)
        if not self._calls and self.holds and self._countdown is None:
            first = self._levels[self._schedule.t_enc - self._schedule.idle]
            self._raised = level[0] > first * (1 + 2 * LEVEL_TOLERANCE)
        self._call_under_way = place
        self._pin.hold(x, place, level, self._start_level(place, level))

    def _after_call(self, _: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x, level = args[:2]
        if self._is_aside(x):
            return output
        place = self._place_of_call(level)
        self._calls += 1
        self._place = place
        if self._state_is_hidden:
            settled = self._settled(place, level)
            output = torch.where(settled, self._certain.to(output), output)
        self._history.forget(self._pin.release, place, level, output)
        return output

    def _settled(self, place: Place, level: Tensor) -> Tensor:
        """Cells that the model is to find certain, as `release`: those whose own steps are still to come. A hidden
        state is not pinned again after a step of several calls, so all calls of the step before leave it alone."""
        if self._corrects:
            return self._pin.held(place)
        if not isinstance(place, Tensor):
            return self._pin.waiting(place)
        return self._pin.waiting(place + self._is_stage(place, level))

    def _is_stage(self, place: Tensor, level: Tensor) -> Tensor:
        """Whether a call that is placed by its level still belongs to the step before. To be asked once a call; bool,
        one element.

        Either its level lies between two of the schedule, or the calls of a step end at the next one's level. As many
        do so as did at the level above, which had these besides a step's own, and the run's first level had none but
        its own. So the second level has nothing to compare with: there no call counts as such, and a cell that is
        released there starts from a state that has moved a little.
        """
        at, first = place - self._schedule.idle, self._schedule.t_enc - self._schedule.idle
        is_own = (at >= 0) & (level[:1] <= self._levels[at] * (1 + 2 * LEVEL_TOLERANCE)) | self._raised
        self._visits[at] += is_own
        ended_above = self._visits[(at + 1).clamp(max=first)] - self._visits[first]
        return ~is_own | (self._visits[at] <= ended_above)

    def _is_aside(self, x: Tensor) -> bool:
        """Whether this call is about an enlarged or reduced copy of the state, as Euler Dy and SMEA make them. The
        next call about the state itself finds it pinned again."""
        if x.shape != self._shape and not self._calls and self.holds:
            raise Refused(
                f"this sampler shows the model a latent of {list(x.shape)} where the run's is {list(self._shape)}, so "
                "no map can steer it. If it takes the pictures of a batch one by one, set the batch size to 1; "
                "otherwise choose another sampler"
            )
        return x.shape != self._shape

    def _place_of_call(self, level: Tensor) -> Place:
        if self._countdown:
            return self._countdown(self._schedule.t_enc, self._calls)
        return torch.searchsorted(self._levels, level[:1].to(self._levels), right=True) - 1 + self._schedule.idle

    def _start_level(self, place: Place, level: Tensor) -> Tensor | None:
        start_level = None if isinstance(place, Tensor) else self._schedule.start_level(place)
        return None if start_level is None else level.new_full((1,), start_level)
