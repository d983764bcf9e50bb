"""What the host's samplers do: their schedule, and how they noise a picture."""

from __future__ import annotations

from typing import Any

import torch

from modules import sd_samplers_common, shared

from ..pin import variance_exploding, variance_preserving
from ..schedule import Schedule

IDLE_STEPS = {"ddim": 2, "ddim_cfgpp": 2, "plms": 2, "unipc": 1}
"""How many of its t_enc + 1 levels a run of a timestep sampler never denoises."""


def schedule_of(p: Any, sampler: Any) -> tuple[str, Schedule]:
    """The sampler's function name and its schedule at the strength that stands on `p` now."""
    name = sampler.funcname if isinstance(sampler.funcname, str) else sampler.funcname.__name__
    steps, t_enc = sd_samplers_common.setup_img2img_steps(p, None)
    if hasattr(sampler, "get_timesteps"):
        timesteps = sampler.get_timesteps(p, steps).tolist()
        return name, Schedule.from_timesteps(timesteps, steps, t_enc, IDLE_STEPS.get(name, 2))
    return name, Schedule.from_sigmas(sampler.get_sigmas(p, steps).tolist(), steps, t_enc)


def noising_of(sampler: Any, original: torch.Tensor, noise: torch.Tensor) -> Any:
    """The host's own way to noise `original`, as a function of the level."""
    original = original.to(noise)
    if hasattr(sampler, "get_timesteps"):
        alphas_cumprod = shared.sd_model.alphas_cumprod.to(noise.device)
        return lambda level: variance_preserving(original, noise, level, alphas_cumprod)
    predictor = getattr(sampler.model_wrap, "predictor", None)
    if predictor is not None:  # Forge, also for flow models
        return lambda level: predictor.noise_scaling(level, noise, original, max_denoise=False)
    if hasattr(shared.sd_model, "add_noise_to_latent"):  # AUTOMATIC1111 with Stable Diffusion 3
        return lambda level: shared.sd_model.add_noise_to_latent(original, noise, level)
    return lambda level: variance_exploding(original, noise, level)
