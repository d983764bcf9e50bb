"""Reading, resizing and joining pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from PIL import Image, PngImagePlugin

from differential_diffusion import change_map

LANCZOS = Image.Resampling.LANCZOS
MAX_PIXELS = 64 * 1024 * 1024


def read(fp: IO[bytes] | str) -> Image.Image:
    """Opens a picture upright, its greys in eight bits. Raises ValueError for one beyond 64 megapixels, before decoding
    it, of a kind that a map cannot be, or with deep greys that a map cannot have."""
    image = change_map.opened(fp)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"the picture has {image.width} x {image.height} pixels; at most {MAX_PIXELS} are read")
    text = {key: value for key, value in image.info.items() if isinstance(value, str)}
    upright = change_map.upright(image)
    if upright.mode == "P" or (upright.mode == "RGB" and "transparency" in upright.info):
        upright = upright.convert("RGBA")
    upright.info.update(text)
    return upright


def flatten(image: Image.Image, background: str) -> Image.Image:
    """RGB, with what is transparent showing `background`. Raises ValueError as `read` does."""
    image = change_map.in_eight_bits(image)
    if image.mode == "RGBA":
        canvas = Image.new("RGBA", image.size, background)
        canvas.paste(image, mask=image)
        image = canvas
    return image.convert("RGB")


def resize_image(resize_mode: int, image: Image.Image, width: int, height: int) -> Image.Image:
    """Brings `image` to width x height: mode 0 stretches, 1 covers the size and crops, 2 fits in and fills the rest."""
    if resize_mode == 0:
        return image.resize((width, height), LANCZOS)

    wider_than_image = width * image.height > image.width * height
    follow_width = wider_than_image if resize_mode == 1 else width * image.height < image.width * height
    inner_width = width if follow_width else image.width * height // image.height
    follow_height = not wider_than_image if resize_mode == 1 else width * image.height >= image.width * height
    inner_height = height if follow_height else image.height * width // image.width

    inner = image.resize((inner_width, inner_height), LANCZOS)
    result = Image.new("RGB", (width, height))
    left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
    result.paste(inner, (left, top))
    if resize_mode == 2:
        _stretch_edges(result, inner, left, top)
    return result


def _stretch_edges(result: Image.Image, inner: Image.Image, left: int, top: int) -> None:
    """Fills the bars beside `inner`, which lies at (left, top), with its outermost rows or columns."""
    if top > 0:
        for row, at in ((0, 0), (inner.height, top + inner.height)):
            result.paste(inner.resize((result.width, top), box=(0, row, inner.width, row)), (0, at))
    elif left > 0:
        for column, at in ((0, 0), (inner.width, left + inner.width)):
            result.paste(inner.resize((left, result.height), box=(column, 0, column, inner.height)), (at, 0))


def save_image(
    image: Image.Image,
    path: str,
    basename: str,
    seed: int | None = None,
    prompt: str | None = None,
    extension: str = "png",
    info: str | None = None,
    p: Any = None,
    suffix: str = "",
) -> tuple[str, None]:
    """Writes `image` into the folder `path` under the next free number, with `info` as its infotext."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(file.name[:5]) for file in folder.glob("[0-9][0-9][0-9][0-9][0-9]-*")]
    file = folder / f"{max(numbers, default=-1) + 1:05}-{seed}{suffix}.{extension}"
    text = PngImagePlugin.PngInfo()
    if info is not None:
        text.add_text("parameters", info)
    image.save(file, pnginfo=text)
    return str(file), None


def image_grid(images: Sequence[Image.Image], rows: int) -> Image.Image:
    """All pictures in one, `rows` rows of them."""
    columns = math.ceil(len(images) / rows)
    width, height = images[0].size
    grid = Image.new("RGB", (columns * width, rows * height))
    for index, image in enumerate(images):
        grid.paste(image, (index % columns * width, index // columns * height))
    return grid
