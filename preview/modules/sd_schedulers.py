"""Noise schedules for the samplers that work in sigmas (Karras et al. 2022, eq. 5, and the models' own)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modules.sd_denoisers import SigmaDenoiser


@dataclass(frozen=True)
class Scheduler:
    """`function(denoiser, n)` gives n descending sigmas; the final zero is added by `sigmas`."""

    name: str
    label: str
    function: Callable[[SigmaDenoiser, int], torch.Tensor] | None

    def sigmas(self, denoiser: SigmaDenoiser, n: int) -> torch.Tensor:
        assert self.function is not None, "Automatic is resolved by the sampler"
        return torch.cat([self.function(denoiser, n), torch.zeros(1)])


def _uniform(denoiser: SigmaDenoiser, n: int) -> torch.Tensor:
    """Evenly spaced timesteps, the model's own noise levels."""
    return denoiser.t_to_sigma(torch.linspace(len(denoiser.sigmas) - 1, 0, n))


def _karras(denoiser: SigmaDenoiser, n: int, rho: float = 7.0) -> torch.Tensor:
    low, high = (float(denoiser.sigmas[i]) ** (1 / rho) for i in (0, -1))
    return (high + torch.linspace(0, 1, n) * (low - high)) ** rho


def _exponential(denoiser: SigmaDenoiser, n: int) -> torch.Tensor:
    low, high = (float(denoiser.sigmas[i].log()) for i in (0, -1))
    return torch.linspace(high, low, n).exp()


schedulers = [
    Scheduler("automatic", "Automatic", None),
    Scheduler("uniform", "Uniform", _uniform),
    Scheduler("karras", "Karras", _karras),
    Scheduler("exponential", "Exponential", _exponential),
]
schedulers_map = {key: scheduler for scheduler in schedulers for key in (scheduler.name, scheduler.label)}
