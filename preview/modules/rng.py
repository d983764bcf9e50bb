"""Noise. Each picture of a batch has a generator of its own, so that it comes out as it would alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torchsde

from modules import devices


class ImageRNG:
    """The noise of one batch; `shape` is that of one latent, (channels, height, width).

    The generators live on the CPU: a seed gives the same picture on every device.
    """

    def __init__(self, shape: Sequence[int], seeds: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self.seeds = list(seeds)
        self.generators = [torch.Generator(devices.cpu).manual_seed(int(seed)) for seed in seeds]

    def next(self) -> torch.Tensor:
        """Standard normal noise, (pictures, channels, height, width)."""
        noise = [torch.randn(self.shape, generator=generator) for generator in self.generators]
        return torch.stack(noise).to(devices.device)


class BrownianNoise:
    """Noise for SDE samplers, tied to the noise level instead of to the order of the draws.

    One Brownian tree per picture over all sigmas up to `sigma_max`: the noise between two levels is the same in a run
    that starts further down.
    """

    def __init__(self, latent: torch.Tensor, sigma_max: float, seeds: Sequence[int]) -> None:
        start = torch.zeros_like(latent[0])
        beyond = sigma_max + 1  # torchsde rounds the ends of its interval, and warns of what lies outside
        self.trees = [torchsde.BrownianTree(t0=0.0, w0=start, t1=beyond, entropy=int(seed)) for seed in seeds]

    def __call__(self, sigma: float, sigma_next: float) -> torch.Tensor:
        """Standard normal noise for the step from `sigma` down to `sigma_next`."""
        climbed = torch.stack([tree(sigma_next, sigma) for tree in self.trees])
        return climbed / (sigma - sigma_next) ** 0.5
