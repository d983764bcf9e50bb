"""`python preview edit`: one run through the host and the script, without a page."""

from __future__ import annotations

import argparse
import base64
import io
import math
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from arguments import SETTINGS, beside, map_beside
from console import Status
from differential_diffusion import plan, settings
from differential_diffusion.change_map import Extent
from differential_diffusion.infotext import PICTURE
from modules import images
from modules.masking import create_binary_mask
from writing import write

NAMES = {"labelled fan": "labelled", "what changed": "change"}
"""What a further picture of a run shows, by its infotext -> what is added to its file's name."""


def edit(options: argparse.Namespace) -> None:
    """Writes the edited picture, of the same size; ends the program with a message if that is not possible."""
    started = time.monotonic()
    try:
        picture = images.flatten(_read(options.picture), "#ffffff")
        given = None if options.map is None else _read(options.map)
        values = _values(options, given)
        if _changes_nothing(options, values, picture, given):
            if options.out.suffix.lower() == options.picture.suffix.lower():
                write(options.out, options.picture.read_bytes())
            else:
                _save(picture, options.out)
            print(f"{options.out}: nothing to change, the picture as it was")
            return
        for image, seed in _run(options, values, picture, given):
            out = _beside(options.out, image)
            _save(image, out)
            print(f"{out}: seed {seed}, {time.monotonic() - started:.1f} s")
    except Exception as error:
        if _was_interrupted(error):
            raise KeyboardInterrupt from error
        message = str(getattr(error, "detail", None) or error)
        sys.exit(f"error: {message.removeprefix(f'{settings.NAME}: ')}")


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl+C is behind it: a compiled module that is being loaded turns that into an ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _read(path: Path) -> Image.Image:
    try:
        return images.read(str(path))
    except Exception as error:
        raise ValueError(f"{path} is not a picture that can be read ({error})") from error


def _values(options: argparse.Namespace, given: Image.Image | None) -> dict[str, Any]:
    """The extension's settings."""
    values = {key: value for key in SETTINGS if (value := getattr(options, key)) is not None}
    is_mask = values.get("source") == settings.Source.MASK.value
    return values | ({} if given is None or is_mask else {"map": _base64(given)})


def _changes_nothing(
    options: argparse.Namespace, values: dict[str, Any], picture: Image.Image, given: Image.Image | None
) -> bool:
    """Whether the picture is the result, which then need not go through the model. Raises BadSetting."""
    parsed = settings.parse(values)
    assert parsed is not None
    mask = None
    if parsed.source is settings.Source.MASK:
        assert given is not None
        mask = np.asarray(create_binary_mask(given).resize(picture.size), dtype=np.float32) / 255
    strength = max(parsed.fan_strengths) if parsed.source is settings.Source.FAN else options.strength
    return strength == 0 or not plan.compose(parsed, mask, Extent(*picture.size)).any()


def _run(
    options: argparse.Namespace, values: dict[str, Any], picture: Image.Image, given: Image.Image | None
) -> Iterator[tuple[Image.Image, int]]:
    """The run's pictures, the edited one first, and its seed."""
    # torch takes seconds to load; what was wrong so far has been said
    from modules import scripts, sd_models, sd_samplers, shared
    from modules.processing import StableDiffusionProcessingImg2Img, process_images

    names = {name.lower(): name for name in sd_samplers.all_samplers_map}
    sampler = names.get(options.sampler.lower())
    if sampler is None:
        raise ValueError(f"bad sampler name: {options.sampler}; there are {', '.join(names.values())}")
    model = sd_models.load_model(options.model, options.refiner, options.refiner_at)
    unknown = model.unknown_words(f"{options.prompt} {options.negative_prompt}")
    if unknown:
        known = ", ".join(model.words)
        print(f"the demo model does not know: {', '.join(unknown)}. It knows: {known}", file=sys.stderr)
    scripts.load_scripts()
    scripts.scripts_img2img.initialize_scripts(is_img2img=True)
    width, height = options.size or _working_size(picture, model.native_side, model.stride)
    where = f"at {width} x {height}"
    if options.save_map:
        shared.state.begin("map")
        with _progress(where, shared.state):
            made = _made_map(options, values, picture)
        shared.state.end()
        _save(made, map_beside(options.out))
        print(f"{map_beside(options.out)}: the map", flush=True)
        values = {key: value for key, value in values.items() if key not in OF_A_MAP} | {"map": _base64(made)}
    p = StableDiffusionProcessingImg2Img(
        sd_model=model,
        prompt=options.prompt,
        negative_prompt=options.negative_prompt,
        seed=options.seed,
        sampler_name=sampler,
        steps=options.steps,
        cfg_scale=options.cfg_scale,
        width=width,
        height=height,
        init_images=[picture],
        denoising_strength=options.strength,
        mask=given if "map" not in values and given is not None else Image.new("L", picture.size, 255),
        **PASTED_BACK,
        inpaint_full_res_padding=max(picture.size),
    )
    p.scripts = scripts.scripts_img2img
    p.script_args = [0, values]
    shared.state.begin("edit")
    with _progress(where, shared.state):
        processed = process_images(p)
    shared.state.end()
    if processed.comments:
        print(processed.comments.strip(), file=sys.stderr)
    for image in processed.images:
        yield image, processed.all_seeds[0]


def _made_map(options: argparse.Namespace, values: dict[str, Any], picture: Image.Image) -> Image.Image:
    from differential_diffusion.host import makers

    parsed = settings.parse(values)
    assert parsed is not None
    made = makers.made(picture, parsed, options.prompt)
    assert made is not None, "nothing interrupts an edit"
    return Image.fromarray(made)


OF_A_MAP = ("source", "polarity", "black", "white", "gamma", "auto", "auto_prompt", "auto_against", "auto_part")
"""Settings that a made map has in it already; `equalise` too, which acts on made ones alone."""
PASTED_BACK: dict[str, Any] = {"inpaint_full_res": True, "inpainting_fill": 1, "mask_blur": 0}
"""The host's "Only masked", with so much padding that it holds the whole picture: what changes is made at the working
size and pasted into the picture at its own."""


def _working_size(picture: Image.Image, native_side: int, stride: int) -> tuple[int, int]:
    """In whole strides of the model, in the picture's shape: of as many pixels as the model was made for, never more
    than the picture has."""
    scale = min(native_side / math.sqrt(picture.width * picture.height), 1)
    width, height = (max(round(side * scale / stride), 1) * stride for side in picture.size)
    return width, height


@contextmanager
def _progress(where: str, state: Any) -> Iterator[None]:
    """Says at which step the run is, until it is done."""
    status, done = Status(), threading.Event()

    def tell() -> None:
        while not done.wait(1):
            what = f"{state.textinfo.lower()}, call" if state.textinfo else "step"
            status.show(f"{where}, {what} {state.sampling_step + 1} of {state.sampling_steps or '?'}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        status.clear()


def _beside(out: Path, image: Image.Image) -> Path:
    """The file of one of the run's pictures: `out`, or for a further one a name beside it."""
    shown = re.search(rf"{PICTURE}: ([^,]+)", image.info["parameters"])
    return beside(out, NAMES[shown[1]]) if shown else out


def _base64(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _save(image: Image.Image, out: Path) -> None:
    """In the format of the name, with the infotext where the WebUI has it."""
    text = image.info.get("parameters")
    file = io.BytesIO()
    if out.suffix.lower() == ".png":
        chunks = PngImagePlugin.PngInfo()
        if text is not None:
            chunks.add_text("parameters", text)
        image.save(file, "PNG", pnginfo=chunks)
    else:
        exif = Image.Exif()
        if text is not None:
            exif[ExifTags.IFD.Exif] = {ExifTags.Base.UserComment: b"UNICODE\0" + text.encode("utf-16-be")}
        lossy = out.suffix.lower() != ".webp"
        image.save(file, "JPEG" if lossy else "WEBP", quality=95 if lossy else 80, lossless=not lossy, exif=exif)
    write(out, file.getvalue())
