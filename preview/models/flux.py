"""Flux.1: dev, whose guidance is an input, and schnell, which has none."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux_img2img import calculate_shift

from models.family import Conditioning
from models.flow import Flow
from modules import devices


class Flux(Flow):
    """Works on latents in patches of 2 x 2 cells."""

    title = "Flux.1"
    folders: ClassVar = {"model": ("FluxPipeline", "FluxImg2ImgPipeline")}
    native_side = 1024
    is_distilled = True

    @staticmethod
    def encoded(pipeline: Any, prompt: str) -> Conditioning:
        tokens, pooled, _ = pipeline.encode_prompt(prompt, prompt, device=devices.device)
        return {"crossattn": tokens, "vector": pooled}

    def schedule(self, steps: int, width: int, height: int) -> torch.Tensor:
        config = self._scheduler.config
        shift = calculate_shift(
            (width // self.stride) * (height // self.stride),
            config.base_image_seq_len,
            config.max_image_seq_len,
            config.base_shift,
            config.max_shift,
        )
        self._scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=shift)
        return self._scheduler.sigmas

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        transformer: Any = self.model.diffusion_model
        pictures, channels, height, width = x.shape
        patches = x.view(pictures, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
        rows, columns = torch.meshgrid(
            torch.arange(height // 2, device=x.device), torch.arange(width // 2, device=x.device), indexing="ij"
        )
        places = torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1)
        predicted = transformer(
            hidden_states=patches.reshape(pictures, -1, channels * 4),
            timestep=timestep / 1000,
            guidance=cond["guidance"] if transformer.config.guidance_embeds else None,
            pooled_projections=cond["vector"],
            encoder_hidden_states=cond["crossattn"],
            txt_ids=x.new_zeros(cond["crossattn"].shape[1], 3),
            img_ids=places.to(x),
        ).sample
        patches = predicted.view(pictures, height // 2, width // 2, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return patches.reshape(x.shape)
