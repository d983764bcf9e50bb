"""Anti-aliased shapes, soft noise and blending on float pictures; lengths are fractions of the picture's height."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""HxWx3, sRGB in [0, 1]."""
Mask = NDArray[np.float32]
"""HxW in [0, 1]."""
Filter = Callable[[Picture, np.random.Generator], Picture]
"""Redraws a picture at the same size; where there is chance in it, from the generator."""

_SUBPIXEL_BITS = 4


@dataclass
class Canvas:
    """A picture under the brush. Points are (x, y), y down; the picture spans (0, 0) to (aspect, 1)."""

    rgb: Picture

    @classmethod
    def empty(cls, height: int, width: int) -> "Canvas":
        return cls(np.zeros((height, width, 3), np.float32))

    @property
    def height(self) -> int:
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        return self.rgb.shape[1]

    @property
    def aspect(self) -> float:
        return self.width / self.height

    def grid(self) -> tuple[Mask, Mask]:
        """Coordinates (x, y) of the pixel centres."""
        x = (np.arange(self.width, dtype=np.float32) + 0.5) / self.height
        y = (np.arange(self.height, dtype=np.float32) + 0.5) / self.height
        return np.broadcast_to(x, (self.height, self.width)), np.broadcast_to(y[:, None], (self.height, self.width))

    def paint(self, mask: Mask, colour: object, opacity: float = 1.0) -> None:
        """Blend `colour`, one triple or a whole picture, over the canvas where `mask` says."""
        alpha = (mask * opacity)[..., None]
        self.rgb += alpha * (np.asarray(colour, np.float32) - self.rgb)

    def polygon(self, *outlines: NDArray[np.floating]) -> Mask:
        """Mask of the union of closed outlines, each Nx2."""
        mask = np.zeros((self.height, self.width), np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._fixed(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / 255

    def below(self, heights: NDArray[np.floating]) -> Mask:
        """Mask of everything below a skyline: `heights` are its y at evenly spaced x."""
        line = cv2.resize(np.float32(heights)[None], (self.width, 1), interpolation=cv2.INTER_LINEAR)[0]
        rows = np.arange(self.height, dtype=np.float32)[:, None]
        return np.clip(rows + 1 - line * self.height, 0, 1)

    def disc(self, centre: tuple[float, float], radius: float, softness: float = 0.0) -> Mask:
        """Mask of a disc whose edge fades over `softness`, at least over one pixel."""
        x, y = self.grid()
        distance = np.hypot(x - centre[0], y - centre[1])
        return np.clip((radius - distance) / max(softness, 1 / self.height) + 0.5, 0, 1)

    def lines(self, segments: NDArray[np.floating], thickness: float) -> Mask:
        """Mask of straight segments, Nx2x2, `thickness` wide (at least one pixel)."""
        mask = np.zeros((self.height, self.width), np.uint8)
        width = max(1, round(thickness * self.height))
        cv2.polylines(mask, list(self._fixed(segments)), False, 255, width, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask.astype(np.float32) / 255

    def noise(self, rng: np.random.Generator, cells: float, octaves: int = 3, stretch: float = 1.0) -> Mask:
        """Smooth fractal noise about 0.5, `cells` bumps per picture height, each `stretch` times as wide as high."""
        return fractal_noise(self.height, self.width, rng, cells, octaves, stretch)

    def _fixed(self, points: NDArray[np.floating]) -> NDArray[np.int32]:
        scale = self.height * (1 << _SUBPIXEL_BITS)
        return np.round(np.asarray(points) * scale).astype(np.int32)


def fractal_noise(
    height: int, width: int, rng: np.random.Generator, cells: float, octaves: int = 3, stretch: float = 1.0
) -> Mask:
    """Sum of `octaves` random grids, each twice as fine and half as strong as the last, scaled to [0, 1]."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave))
        columns = max(2, round(cells * 2**octave * width / height / stretch))
        grid = rng.random((rows, columns), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def ridge(rng: np.random.Generator, points: int, roughness: float) -> NDArray[np.float32]:
    """A random skyline in [0, 1] by midpoint displacement; `roughness` 0.3 is a hill, 0.55 a rugged mountain."""
    line = rng.random(3).astype(np.float32)
    spread = 1.0
    while len(line) < points:
        spread *= roughness
        middle = (line[:-1] + line[1:]) / 2 + spread * (rng.random(len(line) - 1, dtype=np.float32) - 0.5)
        longer = np.empty(2 * len(line) - 1, np.float32)
        longer[::2], longer[1::2] = line, middle
        line = longer
    return (line - line.min()) / max(float(line.max() - line.min()), 1e-6)
