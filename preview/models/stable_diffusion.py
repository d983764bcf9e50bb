"""Stable Diffusion 1 and 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch

from models.family import Conditioning, Family, load_pipeline
from models.folders import BadModel
from modules import devices

UNUSED = ("safety_checker", "feature_extractor", "image_encoder")


class StableDiffusion(Family):
    title = "Stable Diffusion 1 or 2"
    folders: ClassVar = {"model": ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")}
    is_sdxl = False

    def __init__(self, pipeline: Any, path: Path) -> None:
        """Raises BadModel for one that works on other latents."""
        super().__init__(path, pipeline.unet)
        if pipeline.unet.config.in_channels != self.latent_channels or len(pipeline.vae.config.block_out_channels) != 4:
            raise BadModel(f"{path} does not work on latents of {self.latent_channels} channels at 1/{self.cell} size")
        self.pipeline = pipeline
        self.first_stage_model = pipeline.vae
        self.native_side = pipeline.unet.config.sample_size * self.cell
        self.alphas_cumprod = pipeline.scheduler.alphas_cumprod.to(devices.device)
        self.parameterization = {"epsilon": "eps", "v_prediction": "v"}[pipeline.scheduler.config.prediction_type]

    @classmethod
    def load(cls, folders: dict[str, Path], path: Path) -> StableDiffusion:
        return cls(load_pipeline(folders["model"], without=UNUSED), path)

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        return {"crossattn": self._encoded(prompts)[0]}

    def _encoded(self, prompts: list[str]) -> tuple[torch.Tensor, ...]:
        """What diffusers' pipeline gives of them: embeddings first, and what the negative prompt would have."""
        return self.pipeline.encode_prompt(
            prompts, device=devices.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        return self.model.diffusion_model(x, timestep, cond["crossattn"]).sample

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.first_stage_model.encode(pictures).latent_dist.mean * self.first_stage_model.config.scaling_factor

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        return self.first_stage_model.decode(latents / self.first_stage_model.config.scaling_factor).sample
