"""What samplers of both kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from modules import shared

if TYPE_CHECKING:
    from models.family import Conditioning, Family
    from modules.processing import StableDiffusionProcessing, StableDiffusionProcessingImg2Img
    from modules.sd_samplers_cfg_denoiser import CFGDenoiser


def store_latent(decoded: torch.Tensor) -> None:
    """Keep what the model makes of the picture so far, for the live preview."""
    shared.state.current_latent = decoded


class InterruptedException(Exception):
    """Leaves a sampling run; the picture becomes what the last model call saw in it."""


@dataclass(frozen=True)
class SamplerData:
    """One entry of the sampler list."""

    name: str
    constructor: Callable[[Family], Sampler]
    aliases: list[str]
    options: dict[str, Any] = field(default_factory=dict)
    takes_flow: bool = False
    """Whether its steps are right for a flow model too."""

    def total_steps(self, steps: int) -> int:
        return steps * 2 if self.options.get("second_order", False) else steps


def setup_img2img_steps(p: StableDiffusionProcessingImg2Img, steps: int | None = None) -> tuple[int, int]:
    """(length of the whole schedule, number of its last levels that img2img runs, counted from zero).

    Normally the slider takes a share of p.steps; with img2img_fix_steps p.steps are run and the schedule is longer.
    """
    strength = min(p.denoising_strength, 0.999)
    if not shared.opts.img2img_fix_steps and steps is None:
        return p.steps, int(strength * p.steps)
    wanted = steps or p.steps
    return (int(wanted / strength) if strength > 0 else 0), wanted - 1


approximation_indexes = {"Full": 0}
"""The ways to encode and decode; the preview has the autoencoder alone."""


def images_tensor_to_samples(
    image: torch.Tensor, approximation: int | None = None, model: Family | None = None
) -> torch.Tensor:
    """Latents of pictures (pictures, 3, height, width) in 0..1, one by one: a batch gives what single runs give."""
    model = model or shared.sd_model
    return torch.cat([model.encode_first_stage(picture[None] * 2 - 1) for picture in image])


class Sampler:
    """Base of both families. One object per run of `process_images`, shared by all its batches.

    `func(model_wrap_cfg, x, ...)` is the sampler itself, from its first state `x` to the final latent; it may be
    wrapped.
    """

    def __init__(self, funcname: str, model_wrap_cfg: CFGDenoiser) -> None:
        self.funcname = funcname
        self.func: Callable[..., torch.Tensor]
        self.model_wrap_cfg = model_wrap_cfg
        self.config: SamplerData
        self.last_latent: torch.Tensor
        self.sampler_extra_args: dict[str, Any] = {}

    def initialize(
        self,
        p: StableDiffusionProcessing,
        latent: torch.Tensor,
        cond: Conditioning,
        uncond: Conditioning,
        image_conditioning: torch.Tensor | None,
    ) -> None:
        """Prepares the denoiser for one run; `latent` is what an interrupt before the first call returns."""
        denoiser = self.model_wrap_cfg
        denoiser.p = p
        denoiser.mask = getattr(p, "mask", None)
        denoiser.nmask = getattr(p, "nmask", None)
        denoiser.init_latent = latent
        denoiser.step = 0
        self.last_latent = latent
        self.sampler_extra_args = {
            "cond": cond,
            "image_cond": image_conditioning,
            "uncond": uncond,
            "cond_scale": p.cfg_scale,
            "s_min_uncond": 0.0,
        }

    def launch_sampling(self, steps: int, func: Callable[[], torch.Tensor]) -> torch.Tensor:
        self.model_wrap_cfg.steps = steps
        self.model_wrap_cfg.total_steps = self.config.total_steps(steps)
        shared.state.sampling_steps = steps
        shared.state.sampling_step = 0
        try:
            return func()
        except InterruptedException:
            return self.last_latent

    def sample_img2img(
        self,
        p: StableDiffusionProcessingImg2Img,
        x: torch.Tensor,
        noise: torch.Tensor,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        steps: int | None = None,
        image_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Noises the latent `x` to where the strength begins and samples from there; returns the final latent."""
        raise NotImplementedError

    def sample(
        self,
        p: StableDiffusionProcessing,
        x: torch.Tensor,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        steps: int | None = None,
        image_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Samples from the noise `x`; returns the final latent."""
        raise NotImplementedError

    def denoise(self, x: torch.Tensor, level: float) -> torch.Tensor:
        """One model call. `x` is the sampler's own state: whoever changes it in place changes the run."""
        return self.model_wrap_cfg(x, level * x.new_ones(len(x)), **self.sampler_extra_args)
