"""A host whose model looks at each cell alone, so that every region must come out as its own plain img2img run.

It is the preview's own processing, samplers and script runner, with the unmodified script; only the model is replaced.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "preview"))

from models.family import Family
from modules import processing, scripts, sd_samplers, shared
from modules.processing import (
    Processed,
    StableDiffusionProcessingImg2Img,
    decode_latent_batch,
    process_images,
)


class PointwiseModel(Family):
    """A stand-in for Stable Diffusion without spatial coupling.

    A latent cell is the mean of its 8 x 8 pixels (and their grey), so that nothing leaks between cells; the noise that
    it predicts is a nonlinear function of each value alone. `levels` are the timesteps of its calls, `decoded` how many
    latents were decoded.
    """

    is_sdxl = False
    parameterization = "eps"
    name = "pointwise"
    sd_checkpoint_info = SimpleNamespace(filename="pointwise")

    def __init__(self) -> None:
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        self.alphas_cumprod = (1 - betas).cumprod(0).float()
        self.model = SimpleNamespace(conditioning_key="crossattn", diffusion_model=None)
        self.levels: list[float] = []
        self.decoded = 0
        self.hook: Any = None

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> dict[str, torch.Tensor]:
        return {"crossattn": torch.zeros(len(prompts), 1, 1)}

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: dict[str, torch.Tensor]) -> torch.Tensor:
        self.levels.append(float(timestep[0]))
        if self.hook is not None:
            self.hook(self)
        level = (timestep.float() / 1000).view(-1, 1, 1, 1)
        return torch.tanh(1.5 * x) * (0.7 + 0.3 * level) + 0.2 * torch.sin(3 * x)

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        cells = torch.nn.functional.avg_pool2d(pictures, 8)
        return torch.cat([cells, cells.mean(dim=1, keepdim=True)], dim=1)

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        self.decoded += len(latents)
        return torch.nn.functional.interpolate(latents[:, :3], scale_factor=8)


class ScriptHost:
    """Runs img2img with the script loaded, on any model that the preview can hold."""

    def __init__(self, model: Any) -> None:
        self.model = model
        shared.sd_model = model
        scripts.load_scripts()
        self.runner = scripts.ScriptRunner()
        self.runner.initialize_scripts(is_img2img=True)
        self.samplers = list(sd_samplers.all_samplers_map)

    def img2img(self, picture: Image.Image, effect: Any = None, **options: Any) -> SimpleNamespace:
        """One run. `effect`: the script's dict or None.

        Returns the images, what was processed, its infotext, and p after the run.
        """
        first = options.pop("p", None)
        script_args = options.pop("script_args", [0, effect if effect is not None else False])
        options = {"seed": 7, "steps": 20, "denoising_strength": 0.8, "cfg_scale": 1.0} | options
        p = first or StableDiffusionProcessingImg2Img(
            sd_model=self.model,
            **({"width": picture.width, "height": picture.height} | options),
            init_images=[picture],
        )
        p.scripts = self.runner
        p.script_args = script_args
        shared.state.begin("test")
        try:
            processed: Processed = process_images(p)
        finally:
            shared.state.end()
        return SimpleNamespace(
            processed=processed,
            images=processed.images[processed.index_of_first_image :],
            infotext=processed.infotexts[0],
            p=p,
        )


class PointwiseHost(ScriptHost):
    """On the pointwise model; a run also tells its result's `latent` (B, C, h, w), the `levels` of its calls, and how
    many latents were `decoded`."""

    model: PointwiseModel

    def __init__(self) -> None:
        super().__init__(PointwiseModel())

    def img2img(self, picture: Image.Image, effect: Any = None, **options: Any) -> SimpleNamespace:
        self.model.levels.clear()
        self.model.decoded = 0
        sampled: list[torch.Tensor] = []

        def decode(model: PointwiseModel, batch: torch.Tensor, **options: Any) -> list[torch.Tensor]:
            sampled.append(batch.clone())
            return decode_latent_batch(model, batch, **options)

        with patch.object(processing, "decode_latent_batch", decode):
            run = super().img2img(picture, effect, **options)
        run.latent, run.levels, run.decoded = torch.cat(sampled), list(self.model.levels), self.model.decoded
        return run


def base64_of(picture: Image.Image | np.ndarray) -> str:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def columns(*values: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """A grey picture (uint8 (H, W)) of equal columns."""
    return np.repeat(np.repeat(np.array(values, np.uint8), size[0] // len(values))[None], size[1], axis=0)


def photograph(size: tuple[int, int] = (64, 64), seed: int = 3) -> Image.Image:
    """A picture with some structure at every scale."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cell in (4, 8, 16, 32):
        noise = rng.integers(0, 256, (size[1] // cell + 1, size[0] // cell + 1, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(noise).resize(size, Image.BICUBIC), dtype=float)
    return Image.fromarray((total / 4).astype(np.uint8))
