"""What the autoencoder lost, given back where a picture hardly changed.

Whatever is not exactly black in a change map passes through the autoencoder once and loses its fine detail, however
weak its strength is. That loss is known, as the picture itself minus what becomes of it by the autoencoder alone, so it
is added to a result as far as it still belongs there: less with the strength, and less where edges moved.
"""

from __future__ import annotations

import cv2
import numpy as np

WEAKEST, STRONGEST = 0.12, 0.34
"""Up to the first strength most of the loss is given back, from the second on nothing. See benchmark "texture"."""
MOST = 0.97
"""The largest share: results have some detail of their own, and with all of the loss are too sharp."""
WINDOW = 2.0
"""Standard deviation of the window in which edges are compared, in pixels."""
FAINT_EDGE = 2 / 255
"""Slopes per pixel below this say nothing of what moved; they are the autoencoder's own unrest."""


def share(strength: np.ndarray) -> np.ndarray:
    """How much of the loss each cell may get back, by its strength alone: `MOST` up to `WEAKEST`, then falling smoothly
    to 0 at `STRONGEST`.

    Args:
        strength: of each cell, 0..1, any shape.
    """
    way = np.clip((strength - WEAKEST) / (STRONGEST - WEAKEST), 0, 1)
    return MOST * (1 - way * way * (3 - 2 * way))


def share_of_pixels(strength: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`share` for each pixel of a picture, without steps between cells and 0 in every cell that has none.

    Args:
        strength: of each cell, float (h, w), 0..1.
        size: width and height of the picture.

    Returns:
        float32 (H, W).
    """
    least = cv2.erode(share(strength).astype(np.float32), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(least, size, interpolation=cv2.INTER_LINEAR)


def likeness(result: np.ndarray, unchanged: np.ndarray) -> np.ndarray:
    """How far the edges of `result` are those of `unchanged`: 1 = the same or none, 0 = unlike.

    The structure term of SSIM on slopes instead of values, so that another brightness or colour alone counts as alike.

    Args:
        result, unchanged: float32 (H, W, 3) in 0..1.

    Returns:
        float32 (H, W).
    """
    (ax, ay), (bx, by) = _slopes(result), _slopes(unchanged)
    common = 2 * _mean(ax * bx + ay * by) + FAINT_EDGE**2
    whole = _mean(ax * ax + ay * ay + bx * bx + by * by) + FAINT_EDGE**2
    return (common / whole).clip(0, 1)


def give_back(result: np.ndarray, picture: np.ndarray, unchanged: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """`result` with what the autoencoder lost of `picture`, where it hardly changed.

    Args:
        result: as the autoencoder decoded it, float32 (H, W, 3) in 0..1.
        picture: the input, of the same size and range.
        unchanged: the input after the autoencoder alone, of the same size and range.
        shares: of `share_of_pixels`, (H, W).

    Returns:
        float32 (H, W, 3) in 0..1; equal to `result` where `shares` is 0.
    """
    weight = shares * likeness(result, unchanged)
    return (result + weight[..., None] * (picture - unchanged)).clip(0, 1)


def _slopes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grey = picture.mean(axis=2)
    return cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)


def _mean(plane: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), WINDOW)
