"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from models.family import Conditioning
from models.flow import Flow
from modules import devices


class StableDiffusion3(Flow):
    title = "Stable Diffusion 3"
    folders: ClassVar = {"model": ("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline")}
    native_side = 1024

    @staticmethod
    def encoded(pipeline: Any, prompt: str) -> Conditioning:
        tokens, _, pooled, _ = pipeline.encode_prompt(
            prompt, prompt, prompt, device=devices.device, do_classifier_free_guidance=False
        )
        return {"crossattn": tokens, "vector": pooled}

    def schedule(self, steps: int, width: int, height: int) -> torch.Tensor:
        self._scheduler.set_timesteps(steps)
        return self._scheduler.sigmas

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        return self.model.diffusion_model(
            x, timestep=timestep, encoder_hidden_states=cond["crossattn"], pooled_projections=cond["vector"]
        ).sample
