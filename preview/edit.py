"""`python preview edit`: one run through the host and the script, without a page."""

from __future__ import annotations

import argparse
import base64
import io
import math
import sys
import time

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from modules import images, scripts, sd_models, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images

LONGEST_SIDE = 768
CELL = 8


def edit(options: argparse.Namespace) -> None:
    """Writes the edited picture; ends the program with a message if that is not possible."""
    started = time.monotonic()
    try:
        picture = images.flatten(images.read(str(options.picture)), shared.opts.img2img_background_color)
        change_map = images.read(str(options.map))
        size = options.size or _fitting_size(picture)
        if size != picture.size:
            print(f"{options.picture.name} is {picture.width}x{picture.height}; it is edited at {size[0]}x{size[1]}.")
            picture = picture.resize(size, images.LANCZOS)
        sd_models.load_model(options.model)
        if any(side % CELL for side in size):
            picture, change_map = _padded(picture), _padded(_resized(change_map, size))
        result, seed = _run(options, picture, change_map)
        _save(result.crop((0, 0, *size)), result.info["parameters"], options)
    except Exception as error:
        sys.exit(f"error: {getattr(error, 'detail', None) or error}")
    print(f"{options.out}: seed {seed}, {time.monotonic() - started:.1f} s")


def _fitting_size(picture: Image.Image) -> tuple[int, int]:
    scale = min(LONGEST_SIDE / max(picture.size), 1)
    return round(picture.width * scale), round(picture.height * scale)


def _resized(change_map: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Here only because padding needs both pictures at one size; otherwise the extension scales the map."""
    if change_map.mode in ("1", "LA"):
        change_map = change_map.convert("RGBA")
    return Image.fromarray(cv2.resize(np.asarray(change_map), size, interpolation=cv2.INTER_AREA))


def _padded(image: Image.Image) -> Image.Image:
    """Repeats the last column and row up to whole latent cells; nothing is resampled."""
    right, bottom = (math.ceil(side / CELL) * CELL - side for side in image.size)
    pixels = cv2.copyMakeBorder(np.asarray(image), 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return Image.fromarray(pixels)


def _run(options: argparse.Namespace, picture: Image.Image, change_map: Image.Image) -> tuple[Image.Image, int]:
    scripts.load_scripts()
    scripts.scripts_img2img.initialize_scripts(is_img2img=True)
    p = StableDiffusionProcessingImg2Img(
        sd_model=shared.sd_model,
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        seed=options.seed,
        sampler_name=options.sampler,
        steps=options.steps,
        cfg_scale=options.cfg_scale,
        width=picture.width,
        height=picture.height,
        init_images=[picture],
        denoising_strength=options.strength,
    )
    p.scripts = scripts.scripts_img2img
    p.script_args = [
        0,
        {
            "map": _base64(change_map),
            "softness": options.softness,
            "polarity": options.polarity,
            "keep_exact": not options.change_all,
        },
    ]
    shared.state.begin("edit")
    processed = process_images(p)
    shared.state.end()
    return processed.images[0], processed.all_seeds[0]


def _base64(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _save(image: Image.Image, infotext: str, options: argparse.Namespace) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", infotext)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(options.out, "PNG", pnginfo=text)
