"""Finds out which family a model is of, and makes it the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import safe_open

from models.deepfloyd import DeepFloyd
from models.family import Family
from models.flux import Flux
from models.folders import INDEX, check_header, index_of, told
from models.kandinsky import Kandinsky
from models.stable_diffusion import StableDiffusion
from models.stable_diffusion_3 import StableDiffusion3
from models.stable_diffusion_xl import RefinedXL, StableDiffusionXL
from modules import devices, shared
from modules.paths import DEMO_MODEL

diffusers_logging.disable_progress_bar()

FAMILIES: list[Any] = [StableDiffusion, StableDiffusionXL, StableDiffusion3, Flux, Kandinsky, DeepFloyd]


REFINER_AT = 0.8


def load_model(path: Path | None = None, refiner: Path | None = None, refiner_at: float | None = None) -> Family:
    """Loads a model (the demo model by default) as the one in use.

    Args:
        path: a diffusers folder, a folder with those of a model's stages in it, or a single .safetensors file of
            Stable Diffusion 1, 2 or XL. A folder is read as it is; for a single file diffusers fetches the
            configuration (no weights) that goes with it.
        refiner: diffusers folder of Stable Diffusion XL's refiner, which takes over after a share of the noise levels.
        refiner_at: that share, 0..1; `REFINER_AT` if not given.

    Raises:
        FileNotFoundError, ValueError: saying what is wrong.
    """
    path = (path or DEMO_MODEL).expanduser().resolve()
    if not path.exists():
        raise FileNotFoundError(f"no model at {path}")
    model = _load_folder(path) if path.is_dir() else _load_file(path)
    if refiner is not None:
        model = _refined(model, refiner.expanduser().resolve(), REFINER_AT if refiner_at is None else refiner_at)
    shared.sd_model = model
    shared.opts.sd_model_checkpoint = shared.sd_model.name
    return shared.sd_model


def _load_folder(path: Path) -> Family:
    kinds = _kinds_in(path)
    for family in FAMILIES:
        uses = {use: _folder_of(pipelines, kinds) for use, pipelines in (family.folders | family.optional).items()}
        folders = {use: folder for use, folder in uses.items() if folder is not None}
        missing = [use for use in family.folders if use not in folders]
        if not missing:
            with told(path):
                return family.load(folders, path)
        if any(use in folders for use in family.folders):
            raise ValueError(
                f"{path} is the {next(iter(folders))} of {family.title}; {' and '.join(missing)} "
                f"({family.folders[missing[0]][0]}) is missing: put the folders of all stages into one, and name that"
            )
    taken = ", ".join(family.title for family in FAMILIES)
    raise ValueError(f"{path} is a {' and a '.join(kinds)}; the preview runs {taken}")


def _folder_of(pipelines: tuple[str, ...], kinds: dict[str, Path]) -> Path | None:
    return next((kinds[kind] for kind in pipelines if kind in kinds), None)


def _refined(model: Family, refiner: Path, at: float) -> Family:
    if not isinstance(model, StableDiffusionXL):
        raise ValueError(f"{model.path} is {model.title}; a refiner goes with Stable Diffusion XL alone")
    kinds = _kinds_in(refiner) if refiner.is_dir() else {}
    folder = kinds.get("StableDiffusionXLImg2ImgPipeline")
    if folder is None:
        found = f"is a {' and a '.join(kinds)}" if kinds else "is no diffusers folder"
        raise ValueError(f"--refiner {refiner} {found}; SDXL's refiner is a StableDiffusionXLImg2ImgPipeline")
    with told(refiner):
        return RefinedXL(model, folder, at)


def _kinds_in(path: Path) -> dict[str, Path]:
    """Class of a pipeline -> its diffusers folder: `path` itself, or the folders in it. Raises ValueError."""
    found = [path] if (path / INDEX).is_file() else sorted(path.iterdir())
    kinds = {}
    for folder in found:
        if (folder / INDEX).is_file():
            kinds[index_of(folder)["_class_name"]] = folder
    if not kinds:
        raise ValueError(f"{path} is not a diffusers model: it has no {INDEX}, nor has a folder in it")
    return kinds


def _load_file(path: Path) -> Family:
    if path.suffix != ".safetensors":
        raise ValueError(f"{path} is not a .safetensors file; other checkpoint formats can run code when opened")
    check_header(path)
    with safe_open(path, framework="pt") as checkpoint:  # type: ignore[attr-defined]
        is_sdxl = any(key.startswith("conditioner.embedders.1") for key in checkpoint.keys())  # noqa: SIM118
    family, pipeline = (
        (StableDiffusionXL, StableDiffusionXLPipeline) if is_sdxl else (StableDiffusion, StableDiffusionPipeline)
    )
    with told(path):
        return family(pipeline.from_single_file(path, torch_dtype=devices.dtype).to(devices.device), path)
