"""The host's inpaint mask: the one that its user gave, and the one that it shall see while it prepares a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from modules import images, masking
from modules.processing import create_binary_mask

from .. import change_map
from ..change_map import Extent, ResizeMode

FILL_KEEPS_ORIGINAL = 1
"""The host's `inpainting_fill`: 0 fill, 1 original, 2 latent noise, 3 latent nothing."""


class HostsMask:
    """What the host shall take for its inpaint mask while it prepares a run: where the map is above 0.

    It needs one for the crop of "Only masked", for its fills, and for inpainting models; never for blending.
    """

    def __init__(self, p: Any, mask: np.ndarray | None, plane: np.ndarray) -> None:
        changes = Image.fromarray(np.where(plane > 0, 255, 0).astype(np.uint8))
        self.is_cropped = mask is not None and bool(p.inpaint_full_res) and bool(plane.any())
        self.attributes: dict[str, Any] = {
            "image_mask": changes if mask is not None or wants_mask(p.sd_model) else None,
            # Forge Neo has one field, which the two names of the other hosts only read
            **dict.fromkeys({"mask_blur", "mask_blur_x", "mask_blur_y"} & set(vars(p)), 0),
            "inpainting_mask_invert": 0,
            "inpaint_full_res": self.is_cropped,
            "inpainting_fill": p.inpainting_fill if mask is not None else FILL_KEEPS_ORIGINAL,
        }
        if mask is not None and p.inpainting_fill != FILL_KEEPS_ORIGINAL:
            unblurred = Image.fromarray((mask * 255).round().astype(np.uint8))
            self.attributes["latent_mask"] = self._on_canvas(p, unblurred, changes)

    def _on_canvas(self, p: Any, mask: Image.Image, changes: Image.Image) -> Image.Image:
        if not self.is_cropped:
            stretches_latent = p.resize_mode == ResizeMode.STRETCH_LATENT
            return mask if stretches_latent else images.resize_image(p.resize_mode, mask, p.width, p.height)
        forge_classic = not hasattr(masking, "get_crop_region_v2")
        name = "get_crop_region" if forge_classic else "get_crop_region_v2"
        region: Any = getattr(masking, name)(changes, p.inpaint_full_res_padding)
        region = masking.expand_crop_region(region, p.width, p.height, changes.width, changes.height)
        return images.resize_image(ResizeMode.FILL.value, mask.crop(region), p.width, p.height)


def host_mask(p: Any, picture: Extent) -> np.ndarray | None:
    """The mask of the host's own inpaint tabs, at the picture's size: float32 (H, W) in [0, 1], inverted and rounded
    as the host does both."""
    if p.image_mask is None:
        return None
    mask = create_binary_mask(p.image_mask, round=p.mask_round)
    if p.inpainting_mask_invert:
        mask = ImageOps.invert(mask)
    plane = np.asarray(mask, dtype=np.float32) / 255
    plane = change_map.resample(plane, picture)
    return np.round(plane) if p.mask_round else plane


def wants_mask(sd_model: Any) -> bool:
    """Whether the model takes a mask as extra input channels (an inpainting checkpoint)."""
    if hasattr(sd_model, "is_inpaint"):  # Forge
        return bool(sd_model.is_inpaint)
    return sd_model.model.conditioning_key in {"hybrid", "concat"} or bool(getattr(sd_model, "is_sdxl_inpaint", False))
