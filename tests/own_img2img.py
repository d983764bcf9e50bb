"""Each family's own img2img: diffusers' pipelines for it, on the levels and with the noise of the preview's Euler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    FluxImg2ImgPipeline,
    IFImg2ImgPipeline,
    IFImg2ImgSuperResolutionPipeline,
    KandinskyV22Img2ImgPipeline,
    KandinskyV22PriorPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from diffusers.pipelines.deepfloyd_if import pipeline_if_img2img_superresolution
from PIL import Image

STEPS = 4
"""999 levels in 3 strides of 333."""
GUIDANCE = 3.0


class EulerOnTimesteps(DDIMScheduler):
    """DDIM is Euler's method in sigma; here with levels that are evenly spaced down to the lowest."""

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        super().set_timesteps(num_inference_steps, device)
        self.num_inference_steps = num_inference_steps - 1  # by which it knows its stride

    @classmethod
    def after(cls, scheduler: Any) -> EulerOnTimesteps:
        ours = cls.from_config(scheduler.config, timestep_spacing="linspace", clip_sample=False, thresholding=False)
        ours.register_to_config(variance_type="fixed_small")  # of what IF's network predicts the noise alone
        return ours


def run(kind: str, folder: Path, picture: Image.Image, steps: int, prompt: str, seed: int) -> np.ndarray:
    """The last `steps` of `STEPS` steps, uint8 (H, W, 3)."""
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    usual = {"strength": steps / STEPS, "num_inference_steps": STEPS, "guidance_scale": GUIDANCE}
    usual |= {"output_type": "latent"}
    with torch.no_grad():
        result = OWN[kind](folder, pixels, prompt, torch.Generator().manual_seed(seed), usual)
    return (255 * ((result[0] + 1) / 2).clamp(0, 1)).permute(1, 2, 0).numpy().astype(np.uint8)


def stable_diffusion(folder, pixels, prompt, noise, usual, pipeline=StableDiffusionImg2ImgPipeline):
    pipe = _loaded(pipeline, folder, **({"safety_checker": None} if "XL" not in pipeline.__name__ else {}))
    latents = pipe(prompt=prompt, negative_prompt="", image=_encoded(pipe.vae, pixels), generator=noise, **usual)
    return _decoded(pipe.vae, latents.images)


def stable_diffusion_xl(folder, pixels, prompt, noise, usual):
    return stable_diffusion(folder, pixels, prompt, noise, usual, StableDiffusionXLImg2ImgPipeline)


def refined(folder, pixels, prompt, noise, usual):
    base = _loaded(StableDiffusionXLImg2ImgPipeline, folder)
    latents = _encoded(base.vae, pixels)
    usual |= {"prompt": prompt, "negative_prompt": ""}
    latents = base(image=latents, generator=noise, denoising_end=0.8, **usual).images
    refiner = _loaded(StableDiffusionXLImg2ImgPipeline, folder.parent / "refiner", text_encoder_2=base.text_encoder_2)
    return _decoded(base.vae, refiner(image=latents, denoising_start=0.8, **usual).images)


def stable_diffusion_3(folder, pixels, prompt, noise, usual):
    pipe = _loaded(StableDiffusion3Img2ImgPipeline, folder)
    latents = pipe(prompt=prompt, negative_prompt="", image=_encoded(pipe.vae, pixels), generator=noise, **usual)
    return _decoded(pipe.vae, latents.images)


def flux(folder, pixels, prompt, noise, usual):
    pipe = _loaded(FluxImg2ImgPipeline, folder)
    height, width = pixels.shape[-2:]
    with patch.object(pipe, "_encode_vae_image", lambda image, generator: _encoded(pipe.vae, image)):
        packed = pipe(
            prompt=prompt, image=(pixels + 1) / 2, height=height, width=width, generator=noise, **usual
        ).images
    return _decoded(pipe.vae, pipe._unpack_latents(packed, height, width, pipe.vae_scale_factor))


def kandinsky(folder, pixels, prompt, noise, usual):
    prior = _loaded(KandinskyV22PriorPipeline, folder / "prior")
    wanted, unwanted = prior(prompt, generator=torch.Generator().manual_seed(0), return_dict=False)
    pipe = _loaded(KandinskyV22Img2ImgPipeline, folder / "decoder")
    height, width = pixels.shape[-2:]
    picture = Image.fromarray(((pixels[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
    usual |= {"output_type": "pt", "generator": noise, "height": height, "width": width}
    return pipe(wanted, picture, unwanted, **usual).images


def deepfloyd(folder, pixels, prompt, noise, usual):
    usual |= {"output_type": "pt", "negative_prompt": "", "clean_caption": False, "prompt": prompt}
    seed = noise.initial_seed()
    first = _loaded(IFImg2ImgPipeline, folder / "I")
    ratio = pixels.shape[-1] // first.unet.config.sample_size
    small = first(image=torch.nn.functional.avg_pool2d(pixels, ratio), generator=noise, **usual).images
    second = _loaded(
        IFImg2ImgSuperResolutionPipeline, folder / "II", safety_checker=None, feature_extractor=None, watermarker=None
    )
    rng = torch.Generator().manual_seed(seed)
    of_below, of_picture = (torch.randn(pixels.shape, generator=rng) for _ in range(2))
    with _drawn(of_picture, of_below):
        return second(image=small, original_image=pixels, **usual).images


OWN = {
    "sd": stable_diffusion,
    "xl": stable_diffusion_xl,
    "refined": refined,
    "sd3": stable_diffusion_3,
    "flux": flux,
    "kandinsky": kandinsky,
    "if": deepfloyd,
}


@cache
def _loaded(pipeline: Any, folder: Path, **parts: Any) -> Any:
    pipe = pipeline.from_pretrained(folder, **parts)
    pipe.set_progress_bar_config(disable=True)
    if hasattr(pipe, "unet"):
        pipe.scheduler = EulerOnTimesteps.after(pipe.scheduler)
    return pipe


def _encoded(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    shift = vae.config.shift_factor or 0
    return (vae.encode(pixels).latent_dist.mean - shift) * vae.config.scaling_factor


def _decoded(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(latents / vae.config.scaling_factor + (vae.config.shift_factor or 0)).sample


@contextmanager
def _drawn(*noises: torch.Tensor) -> Iterator[None]:
    """What the second stage of IF draws, in its order."""
    left = iter(noises)
    with patch.object(pipeline_if_img2img_superresolution, "randn_tensor", lambda *args, **options: next(left)):
        yield
