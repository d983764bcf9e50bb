"""Samplers in timesteps (x = sqrt(alpha) * init + sqrt(1 - alpha) * noise, the denoiser returns the noise)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diffusers
import torch

from modules import shared
from modules.sd_denoisers import TimestepDenoiser
from modules.sd_samplers_cfg_denoiser import CFGDenoiser
from modules.sd_samplers_common import Sampler, SamplerData, setup_img2img_steps

if TYPE_CHECKING:
    from models.family import Conditioning, Family
    from modules.processing import StableDiffusionProcessing, StableDiffusionProcessingImg2Img


class CFGDenoiserTimesteps(CFGDenoiser):
    """Blends a masked run's original in before the call, so the kept part reaches the model without noise."""

    mask_before_denoising = True
    inner_model: TimestepDenoiser

    def __init__(self, sd_model: Family) -> None:
        super().__init__(TimestepDenoiser(sd_model))
        self.alphas = sd_model.alphas_cumprod

    def get_pred_x0(self, x: torch.Tensor, output: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        alpha = self.inner_model.alpha(level).view(-1, 1, 1, 1)
        return (x - (1 - alpha).sqrt() * output) / alpha.sqrt()


class TimestepSampler(Sampler):
    """Levels are timesteps."""

    model_wrap_cfg: CFGDenoiserTimesteps

    def __init__(self, funcname: str, sd_model: Family) -> None:
        super().__init__(funcname, CFGDenoiserTimesteps(sd_model))
        self.model_wrap_cfg.sampler = self
        self.model_wrap = self.model_wrap_cfg.inner_model
        self.alphas = sd_model.alphas_cumprod

    def get_timesteps(self, p: StableDiffusionProcessing, steps: int) -> torch.Tensor:
        """The whole schedule, ascending: 1, 1 + stride, ... An odd number of steps can give one more than asked for."""
        return torch.clip(torch.arange(0, 1000, 1000 // steps) + 1, 0, 999)

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
        timesteps = self.get_timesteps(p, steps)
        alpha = self.alphas[timesteps[t_enc]]
        state = x * alpha.sqrt() + noise * (1 - alpha).sqrt()
        if shared.opts.img2img_extra_noise > 0:
            p.extra_generation_params["Extra noise"] = shared.opts.img2img_extra_noise
            state = state + noise * shared.opts.img2img_extra_noise * alpha.sqrt()
        self.initialize(p, x, conditioning, unconditional_conditioning, image_conditioning)
        return self.launch_sampling(t_enc + 1, lambda: self._sample(state, timesteps[:t_enc], is_img2img=True))

    def sample(
        self,
        p: StableDiffusionProcessing,
        x: torch.Tensor,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        steps: int | None = None,
        image_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        timesteps = self.get_timesteps(p, steps or p.steps)
        self.initialize(p, x, conditioning, unconditional_conditioning, image_conditioning)
        return self.launch_sampling(steps or p.steps, lambda: self._sample(x, timesteps, is_img2img=False))

    def _sample(self, x: torch.Tensor, timesteps: torch.Tensor, is_img2img: bool) -> torch.Tensor:
        """Samples down the ascending `timesteps`."""
        return self.func(self.model_wrap_cfg, x, timesteps=timesteps, is_img2img=is_img2img)


class DDIMSampler(TimestepSampler):
    """Calls the model at timesteps[-1] ... timesteps[1] and ends at timesteps[0], so a list of two makes one call."""

    def __init__(self, funcname: str, sd_model: Family) -> None:
        super().__init__(funcname, sd_model)
        self.func = self._run

    def _run(self, model: CFGDenoiser, x: torch.Tensor, *, timesteps: torch.Tensor, is_img2img: bool) -> torch.Tensor:
        if len(timesteps) < 2:
            return x
        scheduler: Any = diffusers.DDIMScheduler(clip_sample=False)
        scheduler.alphas_cumprod = self.alphas.cpu()
        scheduler.num_inference_steps = 1000 // int(timesteps[1] - timesteps[0])
        for step, timestep in enumerate(reversed(timesteps[1:].tolist())):
            noise = self.denoise(x, timestep)
            shared.state.sampling_step = step
            x = scheduler.step(noise, timestep, x).prev_sample
        return x


class UniPCSampler(TimestepSampler):
    """Calls the model at levels evenly spaced in (fractional) time down to the lowest; the last step needs no call."""

    def __init__(self, funcname: str, sd_model: Family) -> None:
        super().__init__(funcname, sd_model)
        self.func = self._run

    def _run(self, model: CFGDenoiser, x: torch.Tensor, *, timesteps: torch.Tensor, is_img2img: bool) -> torch.Tensor:
        calls = len(timesteps)
        if calls == 0:
            return x
        first = timesteps[-1].item() if is_img2img else len(self.alphas) - 1
        levels = torch.linspace(first, 0, calls + 1)
        alphas = self.model_wrap_cfg.inner_model.alpha(levels)

        scheduler: Any = diffusers.UniPCMultistepScheduler(solver_order=3, solver_type="bh1")
        scheduler.set_timesteps(calls)
        scheduler.sigmas = ((1 - alphas) / alphas).sqrt()
        scheduler.timesteps = levels[:-1]
        scheduler.set_begin_index(0)
        for step, timestep in enumerate(levels[:-1].tolist()):
            noise = self.denoise(x, timestep)
            shared.state.sampling_step = step
            x = scheduler.step(noise, timestep, x).prev_sample
        return x


samplers_data_timesteps = [
    SamplerData("DDIM", lambda model: DDIMSampler("ddim", model), ["ddim"]),
    SamplerData("UniPC", lambda model: UniPCSampler("unipc", model), ["unipc"]),
]
