"""Stable Diffusion XL: base, refiner, or both."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch

from models.family import Conditioning, load_pipeline
from models.stable_diffusion import UNUSED, StableDiffusion
from modules import devices

AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE = 6.0, 2.5
"""What the refiner is told of the picture that is wanted, and of the one that is not: diffusers' defaults."""


class StableDiffusionXL(StableDiffusion):
    """Base or refiner alone."""

    title = "Stable Diffusion XL"
    folders: ClassVar = {"model": ("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline")}
    is_sdxl = True

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        encoded = self._encoded(prompts)
        told: list[float] = [height, width, 0, 0]
        if self.pipeline.config.get("requires_aesthetics_score"):
            told += [NEGATIVE_AESTHETIC_SCORE if is_negative else AESTHETIC_SCORE]
        else:
            told += [height, width]
        numbers = torch.tensor(told, dtype=devices.dtype, device=devices.device)
        return {"crossattn": encoded[0], "vector": encoded[2], "time_ids": numbers.expand(len(prompts), -1)}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        added = {"text_embeds": cond["vector"], "time_ids": cond["time_ids"]}
        return self.model.diffusion_model(x, timestep, cond["crossattn"], added_cond_kwargs=added).sample


class RefinedXL(StableDiffusionXL):
    """Base, then refiner: which of them is asked depends on the noise level alone, so that a region of any strength
    meets the same model at the same level. Paper (arXiv 2306.00950), section 11.1."""

    REFINER = "refiner "

    def __init__(self, base: StableDiffusionXL, refiner: Path, at: float) -> None:
        """The refiner shares the base's text encoder and autoencoder.

        Args:
            refiner: its diffusers folder.
            at: share of the noise levels, from the highest on, that is the base's, 0..1.

        Raises:
            BadModel: `refiner` is none.
        """
        super().__init__(base.pipeline, base.path)
        shared = {name: getattr(base.pipeline, name) for name in ("vae", "text_encoder_2", "tokenizer_2")}
        self._refiner = StableDiffusionXL(load_pipeline(refiner, without=UNUSED, **shared), refiner)
        self._from = round((1 - at) * len(self.alphas_cumprod))

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        ours = super().get_learned_conditioning(prompts, width, height, is_negative)
        its = self._refiner.get_learned_conditioning(prompts, width, height, is_negative)
        return ours | {self.REFINER + name: value for name, value in its.items()}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        if timestep[0] >= self._from:
            return super().apply_model(x, timestep, cond)
        its = {name.removeprefix(self.REFINER): value for name, value in cond.items() if name.startswith(self.REFINER)}
        return self._refiner.apply_model(x, timestep, its)
