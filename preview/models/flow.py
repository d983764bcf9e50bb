"""What the flow models share: x = (1 - sigma) * init + sigma * noise, and the network predicts noise - init."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.family import Conditioning, Prompts, PromptsApart, load_pipeline
from models.folders import check_parts

TEXT_ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3")
UNUSED = ("image_encoder", "feature_extractor")


class Flow(PromptsApart):
    """Attributes:
    sigmas: the levels that it was trained on, rising, in 0..1.
    """

    stride = 16
    parameterization = "flow"

    def __init__(self, folder: Path, path: Path) -> None:
        check_parts(folder, UNUSED)  # those too that are loaded with the first prompt
        pipeline = load_pipeline(folder, without=TEXT_ENCODERS + UNUSED)
        super().__init__(path, pipeline.transformer)
        self.first_stage_model = pipeline.vae
        self.latent_channels = pipeline.vae.config.latent_channels
        self.sigmas: torch.Tensor = pipeline.scheduler.sigmas.flip(0)
        self._scheduler = pipeline.scheduler
        self._prompts = Prompts(
            lambda: load_pipeline(folder, without=("vae", *UNUSED), transformer=pipeline.transformer), self.encoded
        )

    @classmethod
    def load(cls, folders: dict[str, Path], path: Path) -> Flow:
        return cls(folders["model"], path)

    @staticmethod
    def encoded(pipeline: Any, prompt: str) -> Conditioning:
        """The conditioning of one prompt, by the parts that encode it."""
        raise NotImplementedError

    def schedule(self, steps: int, width: int, height: int) -> torch.Tensor:
        """The family's own levels for `steps` steps on a picture of `width` by `height` pixels, falling to 0."""
        raise NotImplementedError

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        config = self.first_stage_model.config
        return (self.first_stage_model.encode(pictures).latent_dist.mean - config.shift_factor) * config.scaling_factor

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        config = self.first_stage_model.config
        return self.first_stage_model.decode(latents / config.scaling_factor + config.shift_factor).sample
