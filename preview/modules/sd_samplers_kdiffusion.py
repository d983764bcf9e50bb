"""Samplers in k-diffusion's terms: x = init + sigma * noise, or (1 - sigma) * init + sigma * noise of a flow model; the
denoiser returns the clean latent.

diffusers' schedulers make the steps. Each is given what it needs: the clean latent or the noise, the state in its own
scaling, and noise from the pictures' own generators. What stays the same for all is that the state is one tensor, that
this very tensor goes to the denoiser, and that multistep schedulers keep the very tensor that it returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import diffusers
import torch

from models.flow import Flow
from modules import shared
from modules.rng import BrownianNoise
from modules.sd_denoisers import FlowDenoiser, SigmaDenoiser
from modules.sd_samplers_cfg_denoiser import CFGDenoiser
from modules.sd_samplers_common import Sampler, SamplerData, setup_img2img_steps
from modules.sd_schedulers import schedulers_map

if TYPE_CHECKING:
    from models.family import Conditioning, Family
    from modules.processing import StableDiffusionProcessing, StableDiffusionProcessingImg2Img


@dataclass(frozen=True)
class Method:
    """How one of diffusers' schedulers is driven."""

    scheduler: Callable[[], Any]
    takes_noise: bool = False
    """The scheduler has no prediction type for clean latents: it is given (x - denoised) / sigma."""
    variance_preserving: bool = False
    """The scheduler's state is x / sqrt(sigma^2 + 1)."""
    two_calls: bool = False
    """A step calls the denoiser at both of its ends, but for the last one."""
    noise: str | None = None
    """What the scheduler draws at each step: None, "ancestral" (from the generators), "brownian"."""


METHODS = {
    "sample_euler": Method(lambda: diffusers.EulerDiscreteScheduler(prediction_type="sample")),
    "sample_euler_ancestral": Method(diffusers.EulerAncestralDiscreteScheduler, takes_noise=True, noise="ancestral"),
    "sample_heun": Method(diffusers.HeunDiscreteScheduler, takes_noise=True, two_calls=True),
    "sample_lms": Method(lambda: diffusers.LMSDiscreteScheduler(prediction_type="sample")),
    "sample_dpmpp_2m": Method(
        lambda: diffusers.DPMSolverMultistepScheduler(prediction_type="sample", final_sigmas_type="zero"),
        variance_preserving=True,
    ),
    "sample_dpmpp_2m_sde": Method(
        lambda: diffusers.DPMSolverMultistepScheduler(
            prediction_type="sample", final_sigmas_type="zero", algorithm_type="sde-dpmsolver++"
        ),
        variance_preserving=True,
        noise="brownian",
    ),
}


class CFGDenoiserKDiffusion(CFGDenoiser):
    inner_model: SigmaDenoiser | FlowDenoiser

    def get_pred_x0(self, x: torch.Tensor, output: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return output


class KDiffusionSampler(Sampler):
    """Levels are sigmas."""

    model_wrap_cfg: CFGDenoiserKDiffusion

    def __init__(self, funcname: str, sd_model: Family) -> None:
        self.is_flow = isinstance(sd_model, Flow)
        denoiser = FlowDenoiser(sd_model) if isinstance(sd_model, Flow) else SigmaDenoiser(sd_model)
        super().__init__(funcname, CFGDenoiserKDiffusion(denoiser))
        self.model_wrap_cfg.sampler = self
        self.model_wrap = self.model_wrap_cfg.inner_model
        self.method = METHODS[funcname]
        self.func = self._run

    def get_sigmas(self, p: StableDiffusionProcessing, steps: int) -> torch.Tensor:
        """The whole schedule: mostly `steps` descending sigmas and a zero."""
        scheduler = schedulers_map[p.scheduler or "Automatic"]
        if scheduler.function is None:
            name = "uniform" if self.is_flow else self.config.options.get("scheduler", "uniform")
            scheduler = schedulers_map[name]
        if scheduler.name != "uniform":
            p.extra_generation_params["Schedule type"] = scheduler.label
        return scheduler.sigmas(self.model_wrap, steps, (p.width, p.height))

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
        steps, t_enc = setup_img2img_steps(p, steps)
        sigmas = self.get_sigmas(p, steps)
        sigma_sched = sigmas[steps - t_enc - 1 :]
        state = self.model_wrap.noised(x, noise, sigma_sched[0])
        if shared.opts.img2img_extra_noise > 0:
            p.extra_generation_params["Extra noise"] = shared.opts.img2img_extra_noise
            state = state + noise * shared.opts.img2img_extra_noise
        self.initialize(p, x, conditioning, unconditional_conditioning, image_conditioning)
        return self.launch_sampling(t_enc + 1, lambda: self._sample(p, state, sigma_sched, sigmas))

    def sample(
        self,
        p: StableDiffusionProcessing,
        x: torch.Tensor,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        steps: int | None = None,
        image_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        sigmas = self.get_sigmas(p, steps or p.steps)
        self.initialize(p, x, conditioning, unconditional_conditioning, image_conditioning)
        return self.launch_sampling(steps or p.steps, lambda: self._sample(p, x * sigmas[0], sigmas, sigmas))

    def _sample(
        self, p: StableDiffusionProcessing, x: torch.Tensor, sigmas: torch.Tensor, schedule: torch.Tensor
    ) -> torch.Tensor:
        return self.func(self.model_wrap_cfg, x, p=p, sigmas=sigmas, schedule=schedule)

    def _run(
        self,
        model: CFGDenoiser,
        x: torch.Tensor,
        *,
        p: StableDiffusionProcessing,
        sigmas: torch.Tensor,
        schedule: torch.Tensor,
    ) -> torch.Tensor:
        """Samples along `sigmas`, the last part of the whole `schedule`."""
        method = self.method
        brownian = None
        if method.noise == "brownian":
            first = p.iteration * p.batch_size
            seeds = p.all_seeds[first : first + p.batch_size]
            brownian = BrownianNoise(x, float(schedule[0]), seeds)

        levels = _levels_of_calls(sigmas) if method.two_calls else sigmas
        scheduler = method.scheduler()
        scheduler.set_timesteps(len(sigmas) - 1)
        scheduler.sigmas = levels
        # Stands for the timesteps that belong to `levels`: the scheduler counts its steps and looks up sigmas only.
        scheduler.timesteps = torch.arange(len(levels) - 1, dtype=torch.float32)
        scheduler.set_begin_index(0)
        scheduler.is_scale_input_called = True

        scale = (levels**2 + 1).rsqrt() if method.variance_preserving else torch.ones_like(levels)
        for call, (sigma, sigma_next) in enumerate(zip(levels.tolist(), levels.tolist()[1:])):
            denoised = self.denoise(x, sigma)
            shared.state.sampling_step = call // 2 if method.two_calls else call
            output = (x - denoised) / sigma if method.takes_noise else denoised
            drawn: dict[str, Any] = {}
            if method.noise == "ancestral":
                drawn["generator"] = p.rng.generators
            elif brownian is not None:
                drawn["variance_noise"] = brownian(sigma, sigma_next)
            step = scheduler.step(output, scheduler.timesteps[call], x * scale[call].item(), **drawn)
            x = step.prev_sample / scale[call + 1].item()
        return x


def _levels_of_calls(sigmas: torch.Tensor) -> torch.Tensor:
    """s0 s1 s2 0 -> s0 s1 s1 s2 s2 0: Heun's method calls the denoiser at both ends of each step but the last."""
    return torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])


def _data(name: str, funcname: str, aliases: list[str], **options: Any) -> SamplerData:
    takes_flow = METHODS[funcname].noise is None
    return SamplerData(name, lambda model: KDiffusionSampler(funcname, model), aliases, options, takes_flow)


samplers_data_k_diffusion = [
    _data("DPM++ 2M", "sample_dpmpp_2m", ["k_dpmpp_2m"], scheduler="karras"),
    _data("DPM++ 2M SDE", "sample_dpmpp_2m_sde", ["k_dpmpp_2m_sde"], scheduler="exponential", brownian_noise=True),
    _data("Euler a", "sample_euler_ancestral", ["k_euler_a", "k_euler_ancestral"], uses_ensd=True),
    _data("Euler", "sample_euler", ["k_euler"]),
    _data("LMS", "sample_lms", ["k_lms"]),
    _data("Heun", "sample_heun", ["k_heun"], second_order=True),
]
