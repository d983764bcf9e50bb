"""The trained parts as a Stable Diffusion pipeline on disk."""

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline
from transformers import CLIPTokenizer

from preview.train.captions import vocabulary
from preview.train.text import CLIP_TOKENS
from preview.train.training import Denoising, noise_schedule

LIMIT_BYTES = 30_000_000


def export(folder: Path, model: Denoising, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer) -> None:
    """Write diffusers' format in half precision, and the words that the model knows. ValueError beyond LIMIT_BYTES."""
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=model.text_encoder,
        tokenizer=tokenizer,
        unet=model.denoiser,
        scheduler=EulerDiscreteScheduler.from_config(noise_schedule().config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder)
    shutil.copy(Path(tokenizer.name_or_path) / CLIP_TOKENS, folder / "tokenizer")
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary(), indent=1) + "\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > LIMIT_BYTES:
        raise ValueError(f"{folder} takes {size} bytes, more than {LIMIT_BYTES}")
