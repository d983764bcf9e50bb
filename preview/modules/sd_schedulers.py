"""Noise schedules for the samplers that work in sigmas (Karras et al. 2022, eq. 5, and the models' own)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modules.sd_denoisers import FlowDenoiser, SigmaDenoiser

Denoiser = SigmaDenoiser | FlowDenoiser
Size = tuple[int, int]
"""Of the picture, in pixels."""


@dataclass(frozen=True)
class Scheduler:
    """`function(denoiser, n, size)` gives the falling sigmas of n steps and where they end, which is mostly 0."""

    name: str
    label: str
    function: Callable[[Denoiser, int, Size], torch.Tensor] | None

    def sigmas(self, denoiser: Denoiser, n: int, size: Size) -> torch.Tensor:
        assert self.function is not None, "Automatic is resolved by the sampler"
        return self.function(denoiser, n, size)


def _to_zero(sigmas: torch.Tensor) -> torch.Tensor:
    return torch.cat([sigmas, torch.zeros(1)])


def _uniform(denoiser: Denoiser, n: int, size: Size) -> torch.Tensor:
    """The model's own."""
    return denoiser.schedule(n, *size)


def _karras(denoiser: Denoiser, n: int, size: Size, rho: float = 7.0) -> torch.Tensor:
    low, high = (float(denoiser.sigmas[i]) ** (1 / rho) for i in (0, -1))
    return _to_zero((high + torch.linspace(0, 1, n) * (low - high)) ** rho)


def _exponential(denoiser: Denoiser, n: int, size: Size) -> torch.Tensor:
    low, high = (float(denoiser.sigmas[i].log()) for i in (0, -1))
    return _to_zero(torch.linspace(high, low, n).exp())


def _kl_optimal(denoiser: Denoiser, n: int, size: Size) -> torch.Tensor:
    """Even in the arc tangent of sigma (Sabour et al. 2024, section 3.1); ends at the model's lowest level."""
    low, high = (float(denoiser.sigmas[i].atan()) for i in (0, -1))
    return torch.linspace(high, low, n + 1).tan()


def _ddim(denoiser: Denoiser, n: int, size: Size) -> torch.Tensor:
    """Evenly spaced levels from the model's second on. Where n does not divide 1000 these are more than n."""
    return _to_zero(denoiser.sigmas[1 :: max(1, len(denoiser.sigmas) // n)].flip(0))


schedulers = [
    Scheduler("automatic", "Automatic", None),
    Scheduler("uniform", "Uniform", _uniform),
    Scheduler("karras", "Karras", _karras),
    Scheduler("exponential", "Exponential", _exponential),
    Scheduler("kl_optimal", "KL Optimal", _kl_optimal),
    Scheduler("ddim", "DDIM", _ddim),
]
schedulers_map = {key: scheduler for scheduler in schedulers for key in (scheduler.name, scheduler.label)}
