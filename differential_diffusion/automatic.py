"""Change maps that are made, not painted: from what a model or a preprocessor sees in the picture, or from the picture.

A made map is a plane, float32 (H, W) in [0, 1], of any size, until it is `finished`.
"""

from __future__ import annotations

import math
from enum import Enum

import cv2
import numpy as np

from . import change_map
from .change_map import Extent

PROMPT = "prompt"
"""The way to make a map that asks the model; `MAKERS` need the picture alone."""
LEVELS = (0.3, 0.5, 0.8)
"""How far the picture is noised before the model is asked: shares of its noise levels, around DiffEdit's one half."""
DRAWS = 8
"""Noises at each level. With `LEVELS`, one model call each."""
LONGEST = 768
"""Longest side, in pixels, at which a map is made."""
MULTIPLE = 64
"""Sides at which a model is asked, in pixels: what every one takes."""
FULL = 99
"""Percentile of the differences from which on everything is white."""
COARSENESS = 0.01
"""Standard deviation of the Gaussian that gathers detail, as a share of the picture's longer side."""
TONES = 65536
"""How many values of a plane are told apart when its histogram is evened out, from its lowest to its highest."""
BAND = 1 << 20
"""How many pixels are looked at together where a plane is too large for a second one of wider numbers."""


class Part(str, Enum):
    """Which of a made map's values shall change: in a depth map, what is near, far, or in between."""

    HIGH = "high"
    LOW = "low"
    MIDDLE = "middle"


def asked_size(picture: Extent) -> Extent:
    """The size at which a model is asked about a picture: at most `LONGEST`, about its aspect."""
    return _made_size(picture, MULTIPLE)


def _made_size(picture: Extent, multiple: int) -> Extent:
    scale = min(1, LONGEST / max(picture.width, picture.height))
    return Extent(*(max(1, round(side * scale / multiple)) * multiple for side in (picture.width, picture.height)))


def from_predictions(wanted: np.ndarray, against: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Where a text acts: the first stage of DiffEdit (arXiv 2210.11427), kept continuous where that sets a threshold.

    The difference that the text makes is weighed by how much it tells for or against what is there (their geometric
    mean). That counts where the picture already shows what the text says and where it would become it, and leaves out
    what the model is undecided about with either text: measured, it finds what a word names better than the difference
    alone (tests/benchmarks/RESULTS.md).

    Args:
        wanted, against: the picture's latent as the model predicts it with the wanted text and with the reference text,
            float (N, C, h, w): a draw of noise each.
        original: that latent itself, float (C, h, w).

    Returns:
        float32 (h, w), as a share of its 99th percentile. All 0 where there is no difference.
    """
    difference = np.abs(wanted - against).mean(axis=(0, 1), dtype=np.float64)
    told = ((against - original) ** 2 - (wanted - original) ** 2).mean(axis=(0, 1), dtype=np.float64)
    return _shares(np.sqrt(difference * np.abs(told)))


def _shares(plane: np.ndarray) -> np.ndarray:
    """A plane (float (H, W), none below 0) as shares of its 99th percentile: float32 (H, W) in [0, 1]."""
    full = np.percentile(plane, FULL)
    return (plane / full).clip(0, 1).astype(np.float32) if full > 0 else np.zeros(plane.shape, np.float32)


def luminance(picture: np.ndarray) -> np.ndarray:
    """Brightness of a picture, uint8 (H, W, 3): float32 (H, W)."""
    return np.divide(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 255, dtype=np.float32)


def saturation(picture: np.ndarray) -> np.ndarray:
    """How colourful each pixel of a picture, uint8 (H, W, 3), is: from grey, 0, to a colour without any grey, 1."""
    return np.divide(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 1], 255, dtype=np.float32)


def detail(picture: np.ndarray) -> np.ndarray:
    """How much happens around each pixel of a picture, uint8 (H, W, 3): the standard deviation of its brightness under
    a Gaussian window, as a share of its 99th percentile.

    The window is laid over averages of the brightness and of its square, at a size of at most `LONGEST`: what happens
    inside of an averaged pixel counts, however large the picture is.
    """
    bright = luminance(picture)
    size = _made_size(Extent.of(bright), 1)
    sigma = max(1.0, COARSENESS * max(size.width, size.height))
    mean = _under_window(bright, size, sigma)
    of_squares = _under_window(np.square(bright, out=bright), size, sigma)
    return _shares(np.sqrt((of_squares - mean * mean).clip(0)))


def _under_window(plane: np.ndarray, size: Extent, sigma: float) -> np.ndarray:
    """A plane (float32 (H, W)) shrunk and blurred: float64, of `size`."""
    return cv2.GaussianBlur(change_map.resample(plane, size).astype(np.float64), (0, 0), sigma)


MAKERS = {"luminance": luminance, "saturation": saturation, "detail": detail}
"""Ways to make a map of the picture alone, by the name that `auto` takes."""


def equalised(plane: np.ndarray) -> np.ndarray:
    """A plane (float (H, W)) with an even histogram, float32: each value becomes the share of pixels that lie below it,
    and half of those that equal it, stretched to the whole range. Values are told apart to a 65536th of the plane's
    range. A plane of one value is left."""
    low, high = plane.min(), plane.max()
    if low == high:
        return plane

    def tones(rows: np.ndarray) -> np.ndarray:
        return np.rint((rows - low) / (high - low) * (TONES - 1)).astype(np.intp)

    bands = math.ceil(plane.size / BAND)
    counts = np.zeros(TONES, np.int64)
    for rows in np.array_split(plane, bands):
        counts += np.bincount(tones(rows).ravel(), minlength=TONES)
    rank = counts.cumsum() - counts / 2
    ranks = ((rank - rank[0]) / (rank[-1] - rank[0])).astype(np.float32)
    even = np.empty(plane.shape, np.float32)
    for rows, evened in zip(np.array_split(plane, bands), np.array_split(even, bands)):
        evened[:] = ranks[tones(rows)]
    return even


def of_part(plane: np.ndarray, part: Part) -> np.ndarray:
    """A plane (float (H, W) in [0, 1]) that is 1 where `part` lies, and falls evenly to 0 at what is farthest of it."""
    if part is Part.LOW:
        return 1 - plane
    return 1 - np.abs(2 * plane - 1) if part is Part.MIDDLE else plane


def finished(plane: np.ndarray, picture: Extent, equalise: bool, part: Part) -> np.ndarray:
    """A made map at its picture's size, before the levels that every map has.

    Args:
        plane: float (h, w) in [0, 1].
        picture: size of the picture that it was made for.
        equalise: even out its histogram.
        part: which of its values shall change.
    """
    plane = change_map.resample(plane, picture)
    return of_part(equalised(plane) if equalise else plane, part)
