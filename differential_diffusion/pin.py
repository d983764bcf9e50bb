"""The equation: hold the sampler's own state on the noised original until a cell's step has come.

Paper (arXiv 2306.00950), Algorithm 1, lines 5 to 8, with the masks of Algorithm 2. Two things go beyond the text, so
that a region of strength S comes out exactly as plain img2img at S:

* the state is pinned at the *start* of a model call, also on the call in which a cell is released, since that is
  where its plain run would begin;
* a multistep sampler finds an empty history at a cell's release (`forget`), as it does when its plain run begins.

All tensors live on the sampler's device, and nothing here waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Place = int | Tensor
"""Where in the schedule a model call stands, as a `t_enc`; a tensor of one element where only the level tells."""

Noised = Callable[[Tensor], Tensor]
"""level, broadcastable to the latent (B or 1, 1, 1, 1) -> the original latent, noised to it (B, C, h, w)."""


@dataclass(frozen=True)
class Pin:
    """The nested masks of one run, and what pinned cells are set to.

    Attributes:
        original: latent of the picture as given, (B, C, h, w).
        noised: the original at a level, always with the run's own noise.
        release: `t_enc` at which each cell is released, int32, broadcastable to the latent: (h, w) for all pictures, or
            (B, 1, h, w); see `schedule.NEVER` and `schedule.FREE`.
    """

    original: Tensor
    noised: Noised
    release: Tensor

    def held(self, place: Place) -> Tensor:
        """Cells that are set to the original at a model call: those released here or later. Bool, as `release`."""
        return self.release <= place

    def waiting(self, place: Place) -> Tensor:
        """Cells whose release is still to come after this call, as `release`; each lies inside the one before."""
        return self.release < place

    def hold(self, x: Tensor, place: Place, level: Tensor, start_level: Tensor | None = None) -> None:
        """Set the held cells of the sampler's state `x` (B, C, h, w), in place.

        Args:
            place: where the call stands.
            level: what the sampler passes to the model, (B,).
            start_level: (1,), the level to which a plain run starting here noises its first state, if not `level`.
        """
        target = self.noised(_per_picture(level, x))
        if start_level is not None:
            target = torch.where(self.waiting(place), target, self.noised(_per_picture(start_level, x)))
        held = self.held(place)
        x.copy_(torch.where(held, torch.where(_is_mirrored(x, target, held), -target, target), x))

    def keep(self, samples: Tensor, place: Place) -> Tensor:
        """The run's result after its last model call at `place`: cells not released by then are the original."""
        return torch.where(self.waiting(place), self.original.to(samples), samples)


def _per_picture(level: Tensor, x: Tensor) -> Tensor:
    return level.reshape(-1, *[1] * (x.ndim - 1))


def _is_mirrored(x: Tensor, target: Tensor, held: Tensor) -> Tensor:
    """Whether `x` is nearer to -target than to target, by half at least, where it is held: some samplers ask the model
    about the negative of their state. Bool, no dimensions."""
    return ((x + target) * held).norm() < 0.5 * ((x - target) * held).norm()


def laid_over(latent: Tensor, cells: np.ndarray) -> Tensor:
    """Values of cells, (h, w) or (B, h, w), on the device of a latent, (B, C, h, w) or (B, C, T, h, w), and ready to
    broadcast to it."""
    return torch.from_numpy(cells).reshape(-1, *[1] * (latent.ndim - 3), *cells.shape[-2:]).to(latent.device)


def variance_exploding(original: Tensor, noise: Tensor, level: Tensor) -> Tensor:
    """k-diffusion's scaling: x = x0 + sigma * noise. `level`: sigma."""
    return original + noise * level


def variance_preserving(original: Tensor, noise: Tensor, level: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """Scaling of the samplers on timesteps: x = sqrt(a) * x0 + sqrt(1 - a) * noise, a = alphas_cumprod[level].

    `level`: timestep, 0..999; between two of them log(a) is interpolated, as UniPC does.
    """
    below = level.floor().long().clamp(0, len(alphas_cumprod) - 1)
    above = level.ceil().long().clamp(0, len(alphas_cumprod) - 1)
    between = torch.lerp(alphas_cumprod[below].log(), alphas_cumprod[above].log(), level - level.floor()).exp()
    alpha = torch.where(below == above, alphas_cumprod[below], between)
    return original * alpha.sqrt() + noise * (1 - alpha).sqrt()


KEPT_OUTPUTS = 3
"""How many of the model's last outputs a multistep sampler keeps, at most (PLMS, SA-Solver)."""

Clock = Callable[[Tensor], Tensor]
"""level -> the time in which a sampler extrapolates."""


class History:
    """The outputs that a multistep sampler keeps, and what they hold for cells that have none of their own yet.

    A plain run starts without history and raises its order by one a step. In a run under way the history is always
    full, so the missing entries of a released cell are continued from its own outputs, by a constant at the first
    free call and by a line at the second: the higher-order formula then equals the lower-order one. Written into the
    very tensors which the model returned: a sampler that keeps none of them never sees it, and one that keeps slopes
    made from them (LMS, DEIS, iPNDM) is out of reach.

    Args:
        clock: in which a sampler that keeps two outputs draws its line; None for any other sampler.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
        self._outputs: list[tuple[Place, Tensor, Tensor]] = []

    def forget(self, release: Tensor, place: Place, level: Tensor, output: Tensor) -> None:
        """Take note of the model's `output` (B, C, h, w) at `place` and `level` (B,), and write to the earlier ones.

        Args:
            release: `t_enc` at which each cell is released, as in `Pin`.
        """
        for earlier_place, _, earlier in self._outputs:
            # not those of the same step: a method of several stages still needs them as they are
            earlier.copy_(torch.where((release == place) & (earlier_place > place), output, earlier))
        if self._clock and len(self._outputs) > 1:
            (previous_place, previous_level, previous), (_, oldest_level, oldest) = self._outputs[:2]
            now, before, oldest_time = (self._clock(each[:1]) for each in (level, previous_level, oldest_level))
            steps = (before - oldest_time) / (now - before)
            line = previous - _per_picture(steps, output) * (output - previous)
            oldest.copy_(torch.where(release == previous_place, line, oldest))
        self._outputs = [(place, level, output), *self._outputs][:KEPT_OUTPUTS]
