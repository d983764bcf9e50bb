"""Finds out which family a model is of, and makes it the one in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging

from models.family import Family
from models.stable_diffusion import StableDiffusion
from models.stable_diffusion_xl import StableDiffusionXL
from modules import devices, shared
from modules.paths import DEMO_MODEL

diffusers_logging.disable_progress_bar()

FAMILIES: list[Any] = [StableDiffusion, StableDiffusionXL]


def load_model(path: Path | None = None) -> Family:
    """Loads a model (the demo model by default) as the one in use.

    Args:
        path: a diffusers folder, a folder with those of a model's stages in it, or a single .safetensors file of
            Stable Diffusion 1, 2 or XL. A folder is read as it is; for a single file diffusers fetches the
            configuration (no weights) that goes with it.

    Raises:
        FileNotFoundError, ValueError: saying what is wrong.
    """
    path = (path or DEMO_MODEL).expanduser().resolve()
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}")
    shared.sd_model = _load_folder(path) if path.is_dir() else _load_file(path)
    shared.opts.sd_model_checkpoint = shared.sd_model.name
    return shared.sd_model


def _load_folder(path: Path) -> Family:
    kinds = _kinds_in(path)
    for family in FAMILIES:
        folders = {
            use: next((kinds[kind] for kind in pipelines if kind in kinds), None)
            for use, pipelines in family.folders.items()
        }
        if folders[next(iter(folders))] is not None:
            return family.load(folders, path)
    taken = ", ".join(family.title for family in FAMILIES)
    raise ValueError(f"{path} is a {' and a '.join(kinds)}; the preview runs {taken}")


def _kinds_in(path: Path) -> dict[str, Path]:
    """Class of a pipeline -> its diffusers folder: `path` itself, or the folders in it. Raises ValueError."""
    found = [path] if (path / "model_index.json").is_file() else sorted(path.iterdir())
    kinds = {}
    for folder in found:
        if (folder / "model_index.json").is_file():
            kinds[json.loads((folder / "model_index.json").read_text())["_class_name"]] = folder
    if not kinds:
        raise ValueError(f"{path} is not a diffusers model: it has no model_index.json, nor has a folder in it")
    return kinds


def _load_file(path: Path) -> Family:
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a .safetensors file; other checkpoint formats can run code when opened")
    from safetensors import safe_open

    with safe_open(path, framework="pt") as checkpoint:  # type: ignore[attr-defined]
        is_sdxl = any(key.startswith("conditioner.embedders.1") for key in checkpoint.keys())  # noqa: SIM118
    family, pipeline = (
        (StableDiffusionXL, StableDiffusionXLPipeline) if is_sdxl else (StableDiffusion, StableDiffusionPipeline)
    )
    return family(pipeline.from_single_file(path, torch_dtype=devices.dtype).to(devices.device), path)
