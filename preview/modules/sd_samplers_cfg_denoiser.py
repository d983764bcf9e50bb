"""Classifier-free guidance around the model, as an nn.Module so that hooks can be put on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from modules import scripts, sd_samplers_common, shared
from modules.script_callbacks import CFGDenoiserParams, cfg_denoiser_callback

if TYPE_CHECKING:
    from models.family import Conditioning
    from modules.processing import StableDiffusionProcessing
    from modules.sd_denoisers import FlowDenoiser, SigmaDenoiser, TimestepDenoiser
    from modules.sd_samplers_common import Sampler


class CFGDenoiser(torch.nn.Module):
    """One call per level: denoises with the prompt and with the negative prompt, and extrapolates between them."""

    mask_before_denoising = False

    def __init__(self, inner_model: SigmaDenoiser | FlowDenoiser | TimestepDenoiser) -> None:
        super().__init__()
        self.inner_model = inner_model
        self.sampler: Sampler
        self.p: StableDiffusionProcessing
        self.mask: torch.Tensor | None = None
        self.nmask: torch.Tensor | None = None
        self.init_latent: torch.Tensor | None = None
        self.step = 0
        self.steps = 0
        self.total_steps = 0

    def get_pred_x0(self, x: torch.Tensor, output: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """The clean latent that `output`, the denoiser's result for `x` at `level`, stands for."""
        raise NotImplementedError

    def forward(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        uncond: Conditioning,
        cond: Conditioning,
        cond_scale: float,
        s_min_uncond: float,
        image_cond: Any,
    ) -> torch.Tensor:
        if shared.state.interrupted or shared.state.skipped:
            raise sd_samplers_common.InterruptedException
        if self.mask_before_denoising and self.mask is not None:
            x = self._blend(x, sigma)

        is_distilled = self.inner_model.inner_model.is_distilled
        rows = 1 if is_distilled or cond_scale == 1 else 2  # as on Forge: what guidance does not use is not computed
        params = CFGDenoiserParams(
            torch.cat([x] * rows),
            image_cond,
            torch.cat([sigma] * rows),
            shared.state.sampling_step,
            shared.state.sampling_steps,
            cond,
            uncond,
            self,
        )
        cfg_denoiser_callback(params)
        conds = [params.text_cond, params.text_uncond][:rows]
        all_rows = {name: torch.cat([cond[name] for cond in conds]) for name in params.text_cond}
        if is_distilled:
            all_rows["guidance"] = torch.full_like(params.sigma, cond_scale)
        if image_cond is not None:
            all_rows["concat"] = torch.cat([image_cond] * rows)
        with_prompt, *without = self.inner_model(params.x, params.sigma, all_rows).chunk(rows)
        denoised = without[0] + (with_prompt - without[0]) * cond_scale if without else with_prompt

        if not self.mask_before_denoising and self.mask is not None:
            denoised = self._blend(denoised, sigma)
        self.sampler.last_latent = self.get_pred_x0(x, with_prompt, sigma)
        sd_samplers_common.store_latent(self.get_pred_x0(x, denoised, sigma))
        self.step += 1
        return denoised

    def _blend(self, latent: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The host's own inpainting: the unmasked part is put back, clean, at every call."""
        assert self.mask is not None and self.nmask is not None and self.init_latent is not None
        blended = latent * self.nmask + self.init_latent * self.mask
        args = scripts.MaskBlendArgs(
            latent, self.nmask, self.init_latent, self.mask, blended, denoiser=self, sigma=sigma
        )
        if self.p.scripts is not None:
            self.p.scripts.on_mask_blend(self.p, args)
        return args.blended_latent
