"""Kandinsky 2.2: a prior from the prompt to a picture's embedding, and a decoder from that to latents of its MOVQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch

from models.family import Conditioning, Prompts, PromptsApart, load_pipeline, reduction
from models.folders import check_parts
from modules import devices

PRIOR_SEED = 0
"""The prior draws noise too. A prompt means the same embedding in every run."""


class Kandinsky(PromptsApart):
    title = "Kandinsky 2.2"
    folders: ClassVar = {
        "decoder": ("KandinskyV22Pipeline", "KandinskyV22Img2ImgPipeline"),
        "prior": ("KandinskyV22PriorPipeline", "KandinskyV22PriorEmb2EmbPipeline"),
    }
    parameterization = "eps"

    def __init__(self, decoder: Path, prior: Path, path: Path) -> None:
        check_parts(prior, ())  # which is loaded with the first prompt
        pipeline = load_pipeline(decoder)
        super().__init__(path, pipeline.unet)
        self.first_stage_model = pipeline.movq
        self.stride = self.cell * reduction(pipeline.unet)
        self.native_side = pipeline.unet.config.sample_size * self.cell
        self.alphas_cumprod = pipeline.scheduler.alphas_cumprod.to(devices.device)
        self._prompts = Prompts(lambda: load_pipeline(prior), self._embedding)

    @classmethod
    def load(cls, folders: dict[str, Path], path: Path) -> Kandinsky:
        return cls(folders["decoder"], folders["prior"], path)

    @staticmethod
    def _embedding(prior: Any, prompt: str) -> Conditioning:
        """No prompt is a picture without anything in it, as for diffusers' pipelines."""
        if not prompt:
            return {"vector": prior.get_zero_embed(device=devices.device)}
        generator = torch.Generator(devices.cpu).manual_seed(PRIOR_SEED)
        return {"vector": prior(prompt, generator=generator).image_embeds}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        """Without the variance, which the network predicts too."""
        output = self.model.diffusion_model(x, timestep, None, added_cond_kwargs={"image_embeds": cond["vector"]})
        return output.sample[:, : self.latent_channels]

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.first_stage_model.encode(pictures).latents

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        return self.first_stage_model.decode(latents, force_not_quantize=True).sample
