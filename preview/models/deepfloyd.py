"""DeepFloyd IF: two stages that work on pixels, each from the same picture, and a third that only enlarges.

The second sees the first one's result, noised, beside what it denoises. The change map is each stage's, at its size
(arXiv 2306.00950, section 11.3).
"""

from __future__ import annotations

import importlib.util
import math
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn.functional import avg_pool2d, interpolate

from models.family import Conditioning, Prompts, PromptsApart, load_pipeline, reduction
from models.folders import BadModel, check_parts, index_of
from modules import devices

UNUSED = ("safety_checker", "feature_extractor", "watermarker")
TEXT_ENCODER = ("text_encoder", "tokenizer")
NOISE_LEVEL = 250
"""To which the second stage noises what the first one made: diffusers' default."""
ENLARGEMENT = 4
"""Of the third stage."""
ENLARGED_SEED = 0
"""Of the noise in which the third stage begins."""


class DeepFloyd(PromptsApart):
    """One of the first two stages. A cell is one pixel of what it works on, and a block of them of the picture."""

    title = "DeepFloyd IF"
    folders: ClassVar = {
        "stage I": ("IFPipeline", "IFImg2ImgPipeline"),
        "stage II": ("IFSuperResolutionPipeline", "IFImg2ImgSuperResolutionPipeline"),
    }
    optional: ClassVar = {"stage III": ("StableDiffusionUpscalePipeline",)}
    latent_channels = 3
    parameterization = "eps"

    def __init__(self, pipeline: Any, path: Path, prompts: Prompts, enlargement: int) -> None:
        """Args:
        enlargement: of what this stage makes, by those after it.
        """
        super().__init__(path, pipeline.unet)
        self.cell = enlargement
        self.stride = enlargement * reduction(pipeline.unet)
        self.native_side = pipeline.unet.config.sample_size * enlargement
        self.alphas_cumprod = pipeline.scheduler.alphas_cumprod.to(devices.device)
        self._prompts = prompts

    @classmethod
    def load(cls, folders: dict[str, Path], path: Path) -> DeepFloyd:
        for folder in (folders[stage] for stage in ("stage I", "stage III") if stage in folders):
            check_parts(folder, UNUSED)  # those too that are loaded with the first prompt and picture
        _needs_its_tokenizer(folders["stage I"])
        prompts = Prompts(lambda: load_pipeline(folders["stage I"], without=("unet", *UNUSED)), cls._encoded)
        first, second = (
            load_pipeline(folders[stage], without=TEXT_ENCODER + UNUSED) for stage in ("stage I", "stage II")
        )
        enlarger = folders.get("stage III")
        enlargement = 1 if enlarger is None else ENLARGEMENT
        ratio = second.unet.config.sample_size // first.unet.config.sample_size
        model = cls(first, path, prompts, ratio * enlargement)
        model.next_stage = SecondStage(second, path, prompts, enlargement, enlarger)
        model.stride = math.lcm(model.stride, model.next_stage.stride)
        return model

    @staticmethod
    def _encoded(pipeline: Any, prompt: str) -> Conditioning:
        encoded, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False, device=devices.device)
        return {"crossattn": encoded}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        """Without the variance, which the network predicts too."""
        return self.model.diffusion_model(x, timestep, cond["crossattn"]).sample[:, : self.latent_channels]

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(pictures, self.cell)

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        return interpolate(latents, scale_factor=self.cell, mode="bicubic") if self.cell > 1 else latents


class SecondStage(DeepFloyd):
    def __init__(
        self, pipeline: Any, path: Path, prompts: Prompts, enlargement: int, enlarger: Path | None = None
    ) -> None:
        """Args:
        enlarger: the third stage's folder.
        """
        super().__init__(pipeline, path, prompts, enlargement)
        self._low_noising = pipeline.image_noising_scheduler
        self._enlarger_folder = enlarger

    def image_conditioning(self, below: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        enlarged = interpolate(below, noise.shape[-2:], mode="bilinear", align_corners=True)
        return self._low_noising.add_noise(enlarged, noise, torch.tensor([NOISE_LEVEL]))

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        level = torch.full_like(timestep, NOISE_LEVEL)
        both = torch.cat([x, cond["concat"]], dim=1)
        output = self.model.diffusion_model(both, timestep, cond["crossattn"], class_labels=level)
        return output.sample[:, : self.latent_channels]

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        """By the third stage, which knows no map and is asked without a prompt; without one there is nothing to do."""
        if self._enlarger_folder is None:
            return latents
        enlarged = self._enlarger(
            prompt=[""] * len(latents),
            image=((latents + 1) / 2).clamp(0, 1),
            noise_level=0,
            guidance_scale=0,
            generator=torch.Generator(devices.cpu).manual_seed(ENLARGED_SEED),
            output_type="pt",
        ).images
        return enlarged * 2 - 1

    @cached_property
    def _enlarger(self) -> Any:
        assert self._enlarger_folder is not None
        return load_pipeline(self._enlarger_folder, without=UNUSED)


def _needs_its_tokenizer(folder: Path) -> None:
    """Raises BadModel for a tokenizer that cannot be read here: before anything large is."""
    is_t5 = index_of(folder).get("tokenizer") == ["transformers", "T5Tokenizer"]
    if is_t5 and importlib.util.find_spec("sentencepiece") is None:
        raise BadModel(
            f"the tokenizer in {folder} needs one more package: {sys.executable} -m pip install sentencepiece==0.2.1"
        )
