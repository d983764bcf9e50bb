"""The host's inpaint mask: the one that its user gave, and what stands in for it while a run of ours lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from modules import masking
from modules.processing import create_binary_mask

from .. import change_map
from ..change_map import Bounds, Extent
from .geometry import Geometry
from .grey_masks import with_greys

FILL_KEEPS_ORIGINAL = 1
"""The host's `inpainting_fill`: 0 fill, 1 original, 2 latent noise, 3 latent nothing."""

FAINTEST = 1
"""Of 255: what a crop to all that is not black takes in, and everything else takes for black."""


@dataclass(frozen=True, eq=False)
class Inpainting:
    """What the host's user asked for in its inpaint tabs.

    Attributes:
        mask: what shall change, float32 (H, W) in [0, 1] at the picture's size, its greys as they are; None without
            a mask.
        crop: the part of the picture that the host itself would generate alone and paste back ("Only masked"), not yet
            of the canvas' aspect; None for the whole picture.
        fill: the host's `inpainting_fill`.
        infotext: what the host writes of it: label -> value.
    """

    mask: np.ndarray | None
    crop: Bounds | None
    fill: int
    infotext: dict[str, Any]

    @classmethod
    def of(cls, p: Any, picture: Extent) -> Inpainting:
        if p.image_mask is None:
            return cls(None, None, FILL_KEEPS_ORIGINAL, {})
        plane = plane_of(p.image_mask, bool(p.inpainting_mask_invert), picture)
        infotext: dict[str, Any] = {"Mask mode": "Inpaint not masked"} if p.inpainting_mask_invert else {}
        if not p.inpaint_full_res:
            return cls(plane, None, p.inpainting_fill, infotext)
        padding = p.inpaint_full_res_padding
        crop = Bounds.around(_blurred(p, plane)) or Bounds(0, 0, picture.width, picture.height)
        infotext["Masked area padding"] = padding
        if p.mask_blur_x == p.mask_blur_y > 0:
            infotext["Mask blur"] = p.mask_blur_x
        return cls(plane, crop.grown(padding, picture), p.inpainting_fill, infotext)

    @classmethod
    def of_part(cls, image_mask: Image.Image | None, is_inverted: bool, whole: Extent) -> Inpainting:
        """Of a part of the picture `whole`, for which the mask was given that its user made: its greys are strengths as
        ever, but what is cropped, filled and pasted is the part's own matter."""
        plane = None if image_mask is None else plane_of(image_mask, is_inverted, whole)
        return cls(plane, None, FILL_KEEPS_ORIGINAL, {})

    def geometry(self, p: Any, plane: np.ndarray) -> Geometry:
        """Where a run with the change map `plane` (float32 (H, W)) lies."""
        picture = Extent.of(plane)
        if self.crop is None:
            return Geometry.of(p, picture)
        box = masking.expand_crop_region(self._crop_of(plane).box, p.width, p.height, picture.width, picture.height)
        return Geometry.of(p, picture, Bounds.of_box(box))

    def crop_stand_in(self, p: Any, plane: np.ndarray) -> dict[str, Any]:
        """For "Only masked": attributes of `p` in which everyone finds the run's crop, whenever they look: the host,
        and before it other extensions, which crop pictures of their own. `plane`: the change map."""
        mask, crop = picture_of(plane > 0), self._crop_of(plane)
        for corner in ((crop.x, crop.y), (crop.x + crop.width - 1, crop.y + crop.height - 1)):
            mask.putpixel(corner, max(FAINTEST, mask.getpixel(corner)))
        return _stand_in(p, mask) | {"inpaint_full_res_padding": 0}

    def init_stand_in(self, p: Any, plane: np.ndarray, geometry: Geometry) -> dict[str, Any]:
        """Attributes of `p` while the host prepares the run: it needs a mask for its fills and for inpainting models,
        never for blending. `plane`: the change map, on the canvas if the run has no crop."""
        values: dict[str, Any] = {}
        if self.crop is None:
            mask = picture_of(plane > 0) if self.mask is not None or wants_mask(p.sd_model) else None
            values = _stand_in(p, mask) | {"inpaint_full_res": False, "inpainting_fill": self.fill}
        if self.mask is not None and self.fill != FILL_KEEPS_ORIGINAL:
            values["latent_mask"] = geometry.brought(picture_of(self.mask))
        return values

    def _crop_of(self, plane: np.ndarray) -> Bounds:
        """The host's own crop, grown where the change map reaches beyond it."""
        assert self.crop is not None
        changes = Bounds.around(plane)
        return self.crop.joined(changes) if changes else self.crop


def plane_of(image_mask: Image.Image, is_inverted: bool, picture: Extent) -> np.ndarray:
    """A mask of the host's as what shall change of a picture: float32 (H, W) in [0, 1]."""
    mask = with_greys(image_mask)
    grey = create_binary_mask(mask, round=False) if mask.mode == "RGBA" else change_map.luminance(mask)
    plane = change_map.resample(np.asarray(grey, dtype=np.float32) / 255, picture)
    return 1 - plane if is_inverted else plane


def _stand_in(p: Any, mask: Image.Image | None) -> dict[str, Any]:
    blurs = ("mask_blur",) if _has_one_blur(p) else ("mask_blur_x", "mask_blur_y")
    return {"image_mask": mask, "inpainting_mask_invert": 0, **dict.fromkeys(blurs, 0)}


def _has_one_blur(p: Any) -> bool:
    """Whether the host is Forge Neo, which blurs a mask in one go and where the blur along an axis is only read."""
    return "mask_blur_x" not in vars(p)


def picture_of(plane: np.ndarray) -> Image.Image:
    """A plane (float or bool (H, W)) in [0, 1] as a grey picture."""
    return Image.fromarray((plane * 255.0).round().astype(np.uint8))


def _blurred(p: Any, mask: np.ndarray) -> np.ndarray:
    """A mask (float32 (H, W)) as the host blurs it before it crops to it: uint8 (H, W)."""
    along_x, along_y = p.mask_blur_x, p.mask_blur_y
    passes = [(along_x, along_y)] if _has_one_blur(p) else [(along_x, 0), (0, along_y)]
    grey = np.asarray(picture_of(mask))
    for along_x, along_y in passes:
        size = 2 * int(2.5 * along_x + 0.5) + 1, 2 * int(2.5 * along_y + 0.5) + 1
        if max(size) > 1:
            grey = cv2.GaussianBlur(grey, size, max(along_x, along_y))
    return grey


def wants_mask(sd_model: Any) -> bool:
    """Whether the model takes a mask as extra input channels (an inpainting checkpoint)."""
    if hasattr(sd_model, "is_inpaint"):  # Forge
        return bool(sd_model.is_inpaint)
    return sd_model.model.conditioning_key in {"hybrid", "concat"} or bool(getattr(sd_model, "is_sdxl_inpaint", False))
