"""Runs of img2img for the benchmarks: the preview's own processing with the unmodified script in it."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.family import Family
from modules import scripts, sd_models, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images
from preview.train.landscape import random_layout
from preview.train.render import HELD_OUT, paint, training_picture

ROOT = Path(__file__).resolve().parents[2]
Pictures = NDArray[np.uint8]
"""(N, H, W, 3), sRGB."""

SIZE = 256
OWN_SEEDS = HELD_OUT + 8_000_000
"""Pictures from here on are neither trained on nor used by the model's own evaluation."""

STYLES = ("night", "winter", "fire", "mosaic", "autumn")
STYLE_GUIDANCE = 3.0
"""What suits the demo model."""
NO_GUIDANCE = 1.0


def held_out(first: int, count: int) -> Pictures:
    """Pictures of all kinds that the demo model has never seen."""
    return np.stack([training_picture(OWN_SEEDS + first + index)[0] for index in range(count)])


def held_out_day(index: int) -> Pictures:
    """One landscape in plain daylight that the demo model has never seen, (1, H, W, 3)."""
    return paint(random_layout(np.random.default_rng([OWN_SEEDS, index])), None)[None]


class HalfPrecision:
    """A model that computes in bfloat16, as a WebUI computes in half precision on a GPU; the sampler stays float32."""

    def __init__(self, model: Family) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def apply_model(self, x: Tensor, timestep: Tensor, cond: dict[str, Tensor]) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return self._model.apply_model(x, timestep, cond).float()

    def encode_first_stage(self, pictures: Tensor) -> Tensor:
        with torch.autocast(pictures.device.type, torch.bfloat16):
            return self._model.encode_first_stage(pictures).float()

    def decode_first_stage(self, latents: Tensor) -> Tensor:
        with torch.autocast(latents.device.type, torch.bfloat16):
            return self._model.decode_first_stage(latents).float()


class EncodedOnce:
    """A model that encodes the same pictures once, for comparisons of results that begin with the same ones."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._encoded: dict[bytes, Tensor] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode_first_stage(self, pictures: Tensor) -> Tensor:
        digest = hashlib.sha256(pictures.numpy(force=True).tobytes()).digest()
        if digest not in self._encoded:
            self._encoded[digest] = self._model.encode_first_stage(pictures)
        return self._encoded[digest].clone()


def demo_model(in_half: bool = False) -> Any:
    """The demo model; in half precision if asked for and the processor has it."""
    model = sd_models.load_model()
    for part in (model.model.diffusion_model, model.first_stage_model):
        part.to(memory_format=torch.channels_last)
    return HalfPrecision(model) if in_half and half_precision() else model


def half_precision() -> torch.dtype | None:
    """The one that this machine computes fast in, if any."""
    if torch.cuda.is_available():
        return torch.float16
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None


class Host:
    """The preview without its page.

    Attributes:
        model: the one in use.
        calls: how often it was called since `calls` was last set to 0.
    """

    def __init__(self, model: Any) -> None:
        self.model = shared.sd_model = model
        scripts.load_scripts()
        self._runner = scripts.ScriptRunner()
        self._runner.initialize_scripts(is_img2img=True)
        self.calls = 0

    def edit(
        self,
        pictures: Pictures,
        effect: dict[str, Any] | None = None,
        prepare: Callable[[StableDiffusionProcessingImg2Img], None] | None = None,
        **options: Any,
    ) -> Pictures:
        """One run of img2img over a batch; picture i has seed + i.

        Args:
            effect: the script's settings; None leaves it off.
            prepare: called with the run before it begins.
            options: fields of `StableDiffusionProcessingImg2Img`.
        """
        images = [Image.fromarray(picture) for picture in pictures]
        fields: dict[str, Any] = {"steps": 20, "cfg_scale": STYLE_GUIDANCE, "sampler_name": "DPM++ 2M"} | options
        p = StableDiffusionProcessingImg2Img(
            sd_model=self.model,
            width=images[0].width,
            height=images[0].height,
            batch_size=len(images),
            init_images=images,
            **fields,
        )
        p.scripts = self._runner
        p.script_args = [0, effect or {"enabled": False}]
        if prepare is not None:
            prepare(p)
        shared.state.begin("benchmark")
        try:
            with _counted(self):
                processed = process_images(p)
        finally:
            shared.state.end()
        results = processed.images[processed.index_of_first_image :][: len(images)]
        return np.stack([np.asarray(image) for image in results])


@contextmanager
def _counted(host: Host) -> Iterator[None]:
    def count(*_: Any) -> None:
        host.calls += 1

    handle = host.model.model.diffusion_model.register_forward_pre_hook(count)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class Batch:
    """Pictures that are edited together, always from the same noise.

    Attributes:
        prompt: empty = no prompt and no guidance.
        seed: of the first picture.
    """

    host: Host
    pictures: Pictures
    prompt: str
    seed: int
    steps: int

    def edit(
        self, effect: dict[str, Any] | None = None, *, pictures: Pictures | None = None, **options: Any
    ) -> Pictures:
        """The batch's pictures (or others in their place), edited at strength 1 unless `options` say otherwise."""
        given = self.pictures if pictures is None else pictures
        settings: dict[str, Any] = {
            "prompt": self.prompt,
            "seed": self.seed,
            "steps": self.steps,
            "cfg_scale": STYLE_GUIDANCE if self.prompt else NO_GUIDANCE,
            "denoising_strength": 1.0,
        }
        return self.host.edit(given, effect, **(settings | options))


def batches(
    host: Host, prompts: Sequence[str], per_prompt: int, size: int, steps: int, first: int = 0
) -> Iterator[Batch]:
    """`per_prompt` pictures for each prompt, in batches of at most `size`, no picture twice."""
    for prompt in prompts:
        for start in range(0, per_prompt, size):
            count = min(size, per_prompt - start)
            yield Batch(host, held_out(first, count), prompt, first, steps)
            first += count


def as_setting(plane: NDArray[np.floating]) -> str:
    """A map (H, W) in [0, 1] as the script takes it: a grey PNG in base64."""
    file = io.BytesIO()
    grey(plane).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def grey(plane: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray((plane * 255).round().astype(np.uint8))
