"""Putting the result back into the picture that it was made from."""

from __future__ import annotations

from PIL import Image

from modules import images

PasteTo = tuple[int, int, int, int]
"""Left, top, width and height in the picture that a cropped run is pasted into."""


def uncrop(image: Image.Image, size: tuple[int, int], paste_to: PasteTo) -> Image.Image:
    """`image`, scaled to `paste_to`, on a transparent picture of `size`."""
    left, top, width, height = paste_to
    canvas = Image.new("RGBA", size)
    canvas.paste(images.resize_image(1, image, width, height), (left, top))
    return canvas


def apply_overlay(
    image: Image.Image, paste_to: PasteTo | None, overlay: Image.Image | None
) -> tuple[Image.Image, Image.Image]:
    """(the picture with the original laid over it where the mask kept it, the picture without)."""
    if overlay is None:
        return image, image.copy()
    if paste_to is not None:
        image = uncrop(image, overlay.size, paste_to)
    composite = image.convert("RGBA")
    composite.alpha_composite(overlay)
    return composite.convert("RGB"), image


def keep_unmasked(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The overlay of a picture: `image`, the more transparent the more `mask` changes it."""
    kept = Image.new("RGBa", image.size)
    kept.paste(image.convert("RGBA").convert("RGBa"), mask=mask.convert("L").point(lambda value: 255 - value))
    return kept.convert("RGBA")


def cut_out(image: Image.Image, mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """What the mask covers of the generated picture, the rest transparent."""
    fitted = images.resize_image(2, mask, *size).convert("L")
    return Image.composite(image.convert("RGBA").convert("RGBa"), Image.new("RGBa", size), fitted).convert("RGBA")
