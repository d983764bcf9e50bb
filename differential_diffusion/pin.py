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
        release: `t_enc` at which each cell is released, int32 (h, w); see `schedule.NEVER` and `schedule.FREE`.
    """

    original: Tensor
    noised: Noised
    release: Tensor

    def held(self, place: Place) -> Tensor:
        """Cells that are set to the original at a model call: those released here or later. Bool (h, w)."""
        return self.release <= place

    def waiting(self, place: Place) -> Tensor:
        """Cells whose release is still to come after this call. Bool (h, w); each lies inside the one before."""
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
        x.copy_(torch.where(self.held(place), target, x))

    def keep(self, samples: Tensor, place: Place) -> Tensor:
        """The run's result after its last model call at `place`: cells not released by then are the original."""
        return torch.where(self.waiting(place), self.original.to(samples), samples)


def _per_picture(level: Tensor, x: Tensor) -> Tensor:
    return level.reshape(-1, *[1] * (x.ndim - 1))


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


HISTORY_LENGTHS = {"sample_dpmpp_2m": 1, "sample_dpmpp_2m_sde": 1, "sample_dpmpp_3m_sde": 2}
"""Multistep samplers that keep the very tensors which the model returned, and how many of them. (LMS, DEIS and iPNDM
keep slopes made from them, out of reach; PLMS starts with another method than it goes on with.)"""


class History:
    """The outputs that a multistep sampler keeps, and what they hold for cells that have none of their own yet.

    A plain run starts without history and raises its order by one a step. In a run under way the history is always
    full, so the missing entries of a released cell are continued from its own outputs, by a constant at the first
    free call and by a line in log(sigma) at the second: the higher-order formula then equals the lower-order one.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._outputs: list[tuple[Place, Tensor, Tensor]] = []

    def forget(self, release: Tensor, place: Place, level: Tensor, output: Tensor) -> None:
        """Take note of the model's `output` (B, C, h, w) at `place` and `level` (B,), and write to the kept ones.

        Args:
            release: `t_enc` at which each cell is released, int32 (h, w).
        """
        for _, _, older in self._outputs:
            older.copy_(torch.where(release == place, output, older))
        if len(self._outputs) == 2:
            (previous_place, previous_level, previous), (_, oldest_level, oldest) = self._outputs
            steps = (previous_level / oldest_level).log() / (level / previous_level).log()
            line = previous - _per_picture(steps, output) * (output - previous)
            oldest.copy_(torch.where(release == previous_place, line, oldest))
        self._outputs = [(place, level, output), *self._outputs][: self._length]
