"""`python preview edit`: one run through the host and the script, without a page."""

from __future__ import annotations

import argparse
import base64
import io
import sys
import time
from typing import Any

from PIL import Image, PngImagePlugin

from modules import images, scripts, sd_models, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images

LONGEST_SIDE = 768
CELL = 8


def edit(options: argparse.Namespace) -> None:
    """Writes the edited picture, of the same size; ends the program with a message if that is not possible."""
    started = time.monotonic()
    try:
        picture = images.flatten(images.read(str(options.picture)), shared.opts.img2img_background_color)
        sd_models.load_model(options.model)
        result, seed = _run(options, picture, images.read(str(options.map)))
        _save(result, options)
    except Exception as error:
        sys.exit(f"error: {getattr(error, 'detail', None) or error}")
    print(f"{options.out}: seed {seed}, {time.monotonic() - started:.1f} s")


def _run(options: argparse.Namespace, picture: Image.Image, change_map: Image.Image) -> tuple[Image.Image, int]:
    scripts.load_scripts()
    scripts.scripts_img2img.initialize_scripts(is_img2img=True)
    width, height = options.size or _working_size(picture)
    p = StableDiffusionProcessingImg2Img(
        sd_model=shared.sd_model,
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        seed=options.seed,
        sampler_name=options.sampler,
        steps=options.steps,
        cfg_scale=options.cfg_scale,
        width=width,
        height=height,
        init_images=[picture],
        denoising_strength=options.strength,
        **(_paste_back(picture) if (width, height) != picture.size else {}),
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


def _working_size(picture: Image.Image) -> tuple[int, int]:
    """The picture's size in whole latent cells, at most LONGEST_SIDE."""
    scale = min(LONGEST_SIDE / max(picture.size), 1)
    width, height = (max(round(side * scale / CELL), 1) * CELL for side in picture.size)
    return width, height


def _paste_back(picture: Image.Image) -> dict[str, Any]:
    """The host's "Only masked" for the whole picture: what the map changes is made at the working size and pasted
    into the picture at its own."""
    everything = Image.new("L", picture.size, 255)
    return {
        "mask": everything,
        "mask_blur": 0,
        "inpaint_full_res": True,
        "inpaint_full_res_padding": 32,
        "inpainting_fill": 1,
    }


def _base64(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _save(image: Image.Image, options: argparse.Namespace) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", image.info["parameters"])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(options.out, "PNG", pnginfo=text)
