"""The diffusion model: a thin object around the parts that diffusers loads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging

from modules import devices, shared
from modules.paths import DEMO_MODEL

diffusers_logging.disable_progress_bar()

CONNECTING = {"and", "the", "with"}
opt_C = 4
opt_f = 8

Conditioning = dict[str, torch.Tensor]
"""A prompt as the UNet takes it: "crossattn" (pictures, tokens, width); for SDXL also "vector" and "time_ids"."""


class StableDiffusion:
    """Stable Diffusion 1, 2 or XL. Everything the samplers and the processing need of a model is here."""

    latent_channels = opt_C

    def __init__(self, pipeline: Any, path: Path) -> None:
        self.pipeline = pipeline
        self.path = path
        self.name = "demo" if path == DEMO_MODEL else path.stem
        self.vocabulary = _vocabulary(path)
        self.is_sdxl = isinstance(pipeline, StableDiffusionXLPipeline)
        self.model = SimpleNamespace(diffusion_model=pipeline.unet, conditioning_key="crossattn")
        self.first_stage_model = pipeline.vae
        self.native_side = pipeline.unet.config.sample_size * opt_f
        self.alphas_cumprod: torch.Tensor = pipeline.scheduler.alphas_cumprod.to(devices.device)
        self.parameterization = {"epsilon": "eps", "v_prediction": "v"}[pipeline.scheduler.config.prediction_type]

    @property
    def words(self) -> list[str]:
        """What a small model can be asked for; empty for one that takes any words."""
        return [] if self.vocabulary is None else [*self.vocabulary["styles"], *self.vocabulary["objects"]]

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of `prompt` that mean nothing to a small model; those of two letters, such as "a", do no harm."""
        if self.vocabulary is None:
            return []
        known = {word for entries in self.vocabulary.values() for entry in entries for word in entry.split()}
        words = dict.fromkeys(re.findall(r"[^\W\d_]{3,}", prompt.lower()))
        return [word for word in words if word not in known | CONNECTING]

    def get_learned_conditioning(self, prompts: list[str], width: int, height: int) -> Conditioning:
        """Encodes the prompts for pictures of `width` by `height` pixels."""
        encoded = self.pipeline.encode_prompt(
            prompts, device=devices.device, num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        if not self.is_sdxl:
            return {"crossattn": encoded[0]}
        sizes = torch.tensor([height, width, 0, 0, height, width], dtype=devices.dtype, device=devices.device)
        return {"crossattn": encoded[0], "vector": encoded[2], "time_ids": sizes.expand(len(prompts), -1)}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        """The UNet's raw prediction for `x` (pictures, channels, height, width)."""
        added = {"text_embeds": cond["vector"], "time_ids": cond["time_ids"]} if self.is_sdxl else None
        return self.model.diffusion_model(x, timestep, cond["crossattn"], added_cond_kwargs=added).sample

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        """Latents of `pictures` (pictures, 3, height, width) in -1..1.

        The mean of the encoder's distribution, where the WebUI samples it: a preview draws nothing from a generator
        that it does not own.
        """
        return self.first_stage_model.encode(pictures).latent_dist.mean * self.first_stage_model.config.scaling_factor

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures (pictures, 3, height, width) in about -1..1."""
        return self.first_stage_model.decode(latents / self.first_stage_model.config.scaling_factor).sample


def load_model(path: Path | None = None) -> StableDiffusion:
    """Loads a diffusers folder or a single .safetensors file (the demo model by default) as the model in use.

    A folder is read as it is; for a single file diffusers fetches the configuration (no weights) that goes with it.
    Raises FileNotFoundError or ValueError saying what is wrong.
    """
    path = (path or DEMO_MODEL).expanduser().resolve()
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}")
    pipeline: Any = _load_folder(path) if path.is_dir() else _load_file(path)
    kind = type(pipeline)
    if kind not in (StableDiffusionPipeline, StableDiffusionXLPipeline):
        raise ValueError(f"{path} is a {kind.__name__}; the preview runs Stable Diffusion 1, 2 and XL")
    if pipeline.unet.config.in_channels != opt_C or len(pipeline.vae.config.block_out_channels) != 4:
        raise ValueError(f"{path} does not work on latents of {opt_C} channels at 1/{opt_f} size")
    pipeline.to(devices.device)
    shared.sd_model = StableDiffusion(pipeline, path)
    shared.opts.sd_model_checkpoint = shared.sd_model.name
    return shared.sd_model


def _load_folder(path: Path) -> Any:
    if not (path / "model_index.json").exists():
        raise ValueError(f"{path} is not a diffusers model: it has no model_index.json")
    return DiffusionPipeline.from_pretrained(
        path, torch_dtype=devices.dtype, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
    )


def _load_file(path: Path) -> Any:
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a .safetensors file; other checkpoint formats can run code when opened")
    from safetensors import safe_open

    with safe_open(path, framework="pt") as checkpoint:  # type: ignore[attr-defined]
        is_sdxl = any(key.startswith("conditioner.embedders.1") for key in checkpoint.keys())  # noqa: SIM118
    pipeline = StableDiffusionXLPipeline if is_sdxl else StableDiffusionPipeline
    return pipeline.from_single_file(path, torch_dtype=devices.dtype)


def _vocabulary(path: Path) -> dict[str, list[str]] | None:
    """The words that a small model was taught, by kind; None for one that comes without such a list."""
    file = path / "vocabulary.json"
    return json.loads(file.read_text()) if file.is_file() else None
