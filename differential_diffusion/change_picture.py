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

KEPT, CHANGED = "kept", "changed"
SCALE = 6
"""Width of the legend's scale of colours between these words, in capitals."""

CLOSELY, ROUGHLY = 0.8, 0.5
"""CAM from which on a change follows its map. One picture's own contents keep it from 1."""


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
    def sentence(self) -> str:
        """How well the change followed the map."""
        if np.isnan(self.cam):
            return "the map or the change is the same everywhere, so there is nothing to follow"
        ways = {CLOSELY: "closely", ROUGHLY: "roughly"}
        how = next(
            (f"follows the map {way}" for least, way in ways.items() if self.cam >= least), "hardly follows the map"
        )
        return f"the change {how}"

    @property
    def figures(self) -> str:
        """The paper's metrics; empty where they are no numbers."""
        return "" if np.isnan(self.cam) else f"CAM {self.cam:.2f}, DAM {self.dam:.1f}"


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
    """The heat map below a bar with its legend: what the colours mean, and the figures.

    Returns:
        RGB, enlarged by a whole factor where the bar's text would not fit, in most cases 1.
    """
    figures = change.figures or "one value everywhere"
    height, width = change.distance.shape
    needed = max(lettering.width([figures]), _legend_width())
    factor = int(np.ceil(max(1, needed * LEAST_CAPITAL / width)))
    size = (width * factor, height * factor)
    capital = max(LEAST_CAPITAL, min(max(size) / CAPITALS_IN_A_PICTURE, size[0] / needed))
    bar = np.full((round(capital * BLOCK), size[0], 3), BACKGROUND, np.uint8)
    middle = (size[0] / 2, len(bar) / 2)
    _write_legend(bar, middle, capital)
    lettering.write_two(bar, ("", figures), middle, capital)
    heat = _coloured(change.distance)
    return Image.fromarray(np.concatenate([bar, cv2.resize(heat, size, interpolation=cv2.INTER_NEAREST)]))


def _coloured(distance: np.ndarray) -> np.ndarray:
    """Distances (float (H, W), 0 to 1) as colours, uint8 (H, W, 3)."""
    levels = (distance.clip(0, 1) * 255).round().astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]


def _legend_width() -> float:
    """In capitals."""
    return lettering.width([KEPT]) + SCALE + lettering.width([CHANGED])


def _write_legend(bar: np.ndarray, middle: tuple[float, float], capital: float) -> None:
    """All colours in their order, between what the first and the last of them mean."""
    x, y = middle
    left = x + (lettering.width([KEPT]) - _legend_width() / 2) * capital
    right = left + SCALE * capital
    for word, beside in (
        (KEPT, left - lettering.width([KEPT]) / 2 * capital),
        (CHANGED, right + lettering.width([CHANGED]) / 2 * capital),
    ):
        lettering.write_two(bar, (word, ""), (beside, y), capital)
    colours = _coloured(np.linspace(0, 1, round(right) - round(left), dtype=np.float32)[None])
    bar[round(y - 1.3 * capital) : round(y - 0.3 * capital), round(left) : round(right)] = colours
