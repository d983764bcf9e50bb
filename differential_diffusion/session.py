"""One sampling run with its pin attached: hooks on, hooks off, whatever happens in between."""

from __future__ import annotations

from types import TracebackType

import numpy as np
import torch
from torch import Tensor, nn

from .pin import HISTORY_LENGTHS, History, Noised, Pin, Place
from .schedule import COUNTDOWNS, FREE, Schedule
from .settings import NAME

LEVEL_TOLERANCE = 1e-4
"""Relative. DPM fast and DPM adaptive recompute the schedule's levels through logarithms; 1000 Karras steps lie 6e-3
apart."""

STATE_IS_HIDDEN = {"unipc"}
"""Samplers that do not step from the tensor they pass to the model. There the output is overridden too: while a cell
is pinned, the noise that it was made with, which carries its state along the noised original."""


class CannotFollow(ValueError):
    """A run whose steps cannot be told from its model calls. The message says what to choose instead."""


class SamplingSession:
    """Pins one sampling run. Use as a context manager around the sampler; hooks live only inside it.

    Args:
        denoiser: the module that the sampler calls as `denoiser(x, level, ...)`, stepping from that very `x`.
        sampler: the sampler's function name in k-diffusion ("sample_euler") or the WebUI ("ddim").
        schedule: of this run.
        strength: of each cell, float64 (h, w) in 0..1; at most the run's own.
        original: latent of the picture as given, (B, C, h, w).
        noise: the run's own initial noise, (B, C, h, w).
        noised: the original at a level.

    Raises:
        CannotFollow: neither count nor level tells the sampler's step.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        sampler: str,
        schedule: Schedule,
        strength: np.ndarray,
        original: Tensor,
        noise: Tensor,
        noised: Noised,
    ) -> None:
        release = torch.from_numpy(schedule.release_map(strength)).to(original.device)
        self._pin = Pin(original, noised, release)
        self._denoiser = denoiser
        self._schedule = schedule
        self._noise = noise
        self._countdown = COUNTDOWNS.get(sampler)
        if self._countdown is None and not schedule.tells_steps_apart(2 * LEVEL_TOLERANCE):
            raise CannotFollow(
                f"{NAME}: this schedule type has the same level more than once, or rising ones, and the sampler shows "
                "by its levels alone which step it is in. Choose another schedule type or sampler."
            )
        self._history = History(HISTORY_LENGTHS[sampler]) if sampler in HISTORY_LENGTHS else None
        self._state_is_hidden = sampler in STATE_IS_HIDDEN
        levels = torch.tensor(schedule.call_levels, dtype=torch.float32, device=original.device)
        self._levels = levels * (1 - LEVEL_TOLERANCE)
        self._calls = 0
        self._place: Place = FREE
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> SamplingSession:
        self._handles = [
            # first of all such hooks: another's may hand on a copy, and the sampler steps from its own x
            self._denoiser.register_forward_pre_hook(self._before_call, prepend=True),
            self._denoiser.register_forward_hook(self._after_call),
        ]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        for handle in self._handles:
            handle.remove()

    def finish(self, samples: Tensor) -> Tensor:
        """The run's latent, (B, C, h, w): cells whose step never came, also by an interrupt, are the original."""
        return self._pin.keep(samples, self._place)

    def _before_call(self, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        x, level = args[:2]
        place = self._place_of_call(level)
        self._pin.hold(x, place, level, self._start_level(place, level))

    def _after_call(self, _: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        level = args[1]
        place = self._place_of_call(level)
        self._calls += 1
        self._place = place
        if self._history:
            self._history.forget(self._pin.release, place, level, output)
        if self._state_is_hidden:
            return torch.where(self._pin.waiting(place), self._noise.to(output), output)
        return output

    def _place_of_call(self, level: Tensor) -> Place:
        if self._countdown:
            return self._countdown(self._schedule.t_enc, self._calls)
        return torch.searchsorted(self._levels, level[:1].to(self._levels), right=True) - 1 + self._schedule.idle

    def _start_level(self, place: Place, level: Tensor) -> Tensor | None:
        start_level = None if isinstance(place, Tensor) else self._schedule.start_level(place)
        return None if start_level is None else level.new_full((1,), start_level)
