"""The three maps of the paper's section 5.2, drawn by code.

DAM equals the norm of M - mean(M) times sqrt(1 - CAM^2), the residual of a regression line. The paper's pairs of both
figures so give that norm: about 74 for its gradient, 89 for its shapes and 96 for its triangles. That is the norm of
maps of 256 x 256 pixels in [0, 1] whose standard deviations are 0.289 (a linear gradient has 0.2887), 0.349 and 0.375
(four triangles of equal area at 0, 1/3, 2/3 and 1 have 0.373). The maps here have that size, range and deviation.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256

# The paper's Table 1: (CAM, DAM) of its method, of Blended Latent Diffusion and of Stable Diffusion's inpainting model.
PAPER = {
    "gradient": ((0.97, 19.41), (0.92, 29.05), (0.93, 28.69)),
    "shapes": ((0.81, 52.2), (0.68, 65.65), (0.65, 67.84)),
    "triangles": ((0.93, 35.75), (0.83, 53.95), (0.82, 54.44)),
}


def gradient() -> NDArray[np.float32]:
    """From 0 at the left to 1 at the right."""
    return np.tile(np.linspace(0, 1, SIZE, dtype=np.float32), (SIZE, 1))


def triangles() -> NDArray[np.float32]:
    """The square cut by its diagonals."""
    middle, end = SIZE / 2, SIZE
    corners = [(0, 0), (end, 0), (end, end), (0, end)]
    canvas = np.zeros((SIZE, SIZE), np.float32)
    for level, (a, b) in zip((1 / 3, 2 / 3, 1), list(zip(corners, corners[1:]))):
        _fill(canvas, [a, b, (middle, middle)], level)
    return canvas


def shapes() -> NDArray[np.float32]:
    """A circle, a square, a triangle and a star at different levels on black."""
    canvas = np.zeros((SIZE, SIZE), np.float32)
    cv2.circle(canvas, (74, 76), 46, 1.0, -1)
    _fill(canvas, [(144, 24), (235, 24), (235, 115), (144, 115)], 0.4)
    _fill(canvas, [(70, 138), (128, 240), (12, 240)], 0.2)
    turns = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
    radii = np.where(np.arange(10) % 2, 23, 55)
    _fill(canvas, [(188 + r * np.cos(t), 188 + r * np.sin(t)) for r, t in zip(radii, turns)], 0.9)
    return canvas


MAPS = {"gradient": gradient, "shapes": shapes, "triangles": triangles}


def _fill(canvas: NDArray[np.float32], corners: list[tuple[float, float]], level: float) -> None:
    cv2.fillPoly(canvas, [np.array(corners).round().astype(np.int32)], level)
