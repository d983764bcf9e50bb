"""A heat map of what a run changed, with how well that followed the map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from . import adherence, lettering
from .adherence import SIDE
from .change_map import Extent, resample
from .lettering import BACKGROUND, BLOCK, CAPITALS_IN_A_PICTURE, LEAST_CAPITAL


@dataclass(frozen=True)
class Change:
    """What one run changed.

    Attributes:
        distance: of each pixel from the input, float32 (H, W); see `adherence.distance`.
        cam, dam: how well it followed the map; not numbers where the map or the change is the same everywhere.
    """

    distance: np.ndarray
    cam: float
    dam: float

    @property
    def summary(self) -> str:
        if np.isnan(self.cam):
            return "no CAM or DAM: one value everywhere"
        return f"CAM {self.cam:.2f}, DAM {self.dam:.1f}"


def measure(before: Image.Image, after: Image.Image, change_map: np.ndarray) -> Change:
    """Compare a result with its input.

    Args:
        before, after: of one size.
        change_map: what was asked for, float (h, w) in [0, 1], of any size.
    """
    pictures = (np.asarray(picture.convert("RGB")) for picture in (before, after))
    distance = adherence.distance(*pictures)
    asked, found = (resample(plane, Extent(SIDE, SIDE)) for plane in (change_map, distance))
    cam = adherence.cam(asked, found)
    return Change(distance, cam, adherence.dam(asked, found) if not np.isnan(cam) else np.nan)


def drawn(change: Change) -> Image.Image:
    """The heat map below a bar with the figures: dark = as it was, bright = changed at every scale.

    Returns:
        RGB, enlarged by a whole factor where the bar's text would not fit, in most cases 1.
    """
    lines = (change.summary, "dark: kept, bright: changed")
    height, width = change.distance.shape
    needed = lettering.width(lines)
    factor = int(np.ceil(max(1, needed * LEAST_CAPITAL / width)))
    size = (width * factor, height * factor)
    capital = max(LEAST_CAPITAL, min(max(size) / CAPITALS_IN_A_PICTURE, size[0] / needed))
    bar = np.full((round(capital * BLOCK), size[0], 3), BACKGROUND, np.uint8)
    lettering.write_two(bar, lines, (size[0] / 2, len(bar) / 2), capital)
    levels = (change.distance.clip(0, 1) * 255).round().astype(np.uint8)
    heat = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
    return Image.fromarray(np.concatenate([bar, cv2.resize(heat, size, interpolation=cv2.INTER_NEAREST)]))
