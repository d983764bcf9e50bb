"""Geometry and filling of inpaint masks."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def create_binary_mask(image: Image.Image, round: bool = True) -> Image.Image:
    """A grey mask: of a picture with transparency its alpha, black and white if `round`; else its luminance."""
    if image.mode != "RGBA" or image.getextrema()[-1] == (255, 255):
        return image.convert("L")
    alpha = image.getchannel("A")
    return alpha.point(lambda value: 255 if value > 128 else 0) if round else alpha


def blur_mask(mask: Image.Image, sigma_x: int, sigma_y: int) -> Image.Image:
    """Gaussian blur with a kernel of 2.5 sigmas to each side, one axis after the other, 8-bit in between."""
    blurred = np.array(mask)
    if sigma_x > 0:
        blurred = cv2.GaussianBlur(blurred, (2 * int(2.5 * sigma_x + 0.5) + 1, 1), sigma_x)
    if sigma_y > 0:
        blurred = cv2.GaussianBlur(blurred, (1, 2 * int(2.5 * sigma_y + 0.5) + 1), sigma_y)
    return Image.fromarray(blurred)


def get_crop_region_v2(mask: Image.Image, pad: int = 0) -> Box | None:
    """The smallest box around everything in `mask` that is not black, `pad` pixels wider; None for a black mask."""
    box = mask.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return max(left - pad, 0), max(top - pad, 0), min(right + pad, mask.width), min(bottom + pad, mask.height)


def expand_crop_region(
    crop_region: Box, processing_width: int, processing_height: int, image_width: int, image_height: int
) -> Box:
    """Grows the box to the aspect ratio that it will be processed in, staying in the picture where that is possible."""
    left, top, right, bottom = crop_region
    ratio = processing_width / processing_height
    if (right - left) / (bottom - top) > ratio:
        top, bottom = _grow(top, bottom, (right - left) / ratio, image_height)
    else:
        left, right = _grow(left, right, (bottom - top) * ratio, image_width)
    return left, top, right, bottom


def _grow(start: int, end: int, length: float, limit: int) -> tuple[int, int]:
    """Widens start..end to `length` on both sides alike, then moves it back inside 0..limit."""
    missing = int(length - (end - start))
    start -= missing // 2
    end += missing - missing // 2
    beyond = max(end - limit, 0)
    start, end = start - beyond, end - beyond
    if start < 0:
        start, end = 0, end - start
    return start, min(end, limit)


def fill(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Covers what is masked with the colours around it, from far and coarse to near and fine."""
    kept = Image.new("RGBa", image.size)
    kept.paste(image.convert("RGBA").convert("RGBa"), mask=ImageOps.invert(mask.convert("L")))
    filled = Image.new("RGBA", image.size)
    for radius, repeats in ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1)):
        blurred = kept.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        for _ in range(repeats):
            filled.alpha_composite(blurred)
    return filled.convert("RGB")
