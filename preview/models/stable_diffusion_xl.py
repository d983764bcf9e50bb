"""Stable Diffusion XL."""

from __future__ import annotations

from typing import ClassVar

import torch

from models.family import Conditioning
from models.stable_diffusion import StableDiffusion
from modules import devices


class StableDiffusionXL(StableDiffusion):
    title = "Stable Diffusion XL"
    folders: ClassVar = {"model": ("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline")}
    is_sdxl = True

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        encoded = self.pipeline.encode_prompt(
            prompts, device=devices.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        sizes = torch.tensor([height, width, 0, 0, height, width], dtype=devices.dtype, device=devices.device)
        return {"crossattn": encoded[0], "vector": encoded[2], "time_ids": sizes.expand(len(prompts), -1)}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        added = {"text_embeds": cond["vector"], "time_ids": cond["time_ids"]}
        return self.model.diffusion_model(x, timestep, cond["crossattn"], added_cond_kwargs=added).sample
