"""Two lines of text in a dark bar beside a picture, legible at any size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_DUPLEX
LEAST_CAPITAL = 9
"""Smallest height of a label's capital letters, in pixels. A picture too small for it is enlarged."""
CAPITALS_IN_A_PICTURE = 60
"""Labels grow with the picture, whose longest side is this many capitals, to be read when it is shown reduced."""
BLOCK = 4.0
"""Height of a label's two lines with the space around them, in capitals."""
MARGIN = 0.4
"""Space left and right of a label, in capitals."""

BACKGROUND, BRIGHT, DIM = (24, 27, 33), (255, 255, 255), (176, 184, 196)


def width(texts: Sequence[str]) -> float:
    """Width of the widest text with its margins, in capitals."""
    capital = 100
    scale, line = _scale(capital)
    return max(cv2.getTextSize(text, FONT, scale, line)[0][0] for text in texts) / capital + 2 * MARGIN


def write_two(bar: np.ndarray, lines: tuple[str, str], middle: tuple[float, float], capital: float) -> None:
    """Write a bright line and a dim one below it, centred on `middle` (x, y)."""
    x, y = middle
    scale, thickness = _scale(capital)
    for text, baseline, colour in zip(lines, (y - 0.3 * capital, y + 1.3 * capital), (BRIGHT, DIM)):
        size = cv2.getTextSize(text, FONT, scale, thickness)[0][0]
        cv2.putText(bar, text, (round(x - size / 2), round(baseline)), FONT, scale, colour, thickness, cv2.LINE_AA)


def _scale(capital: float) -> tuple[float, int]:
    """OpenCV's font scale and line width for capital letters of a height in pixels."""
    return capital / cv2.getTextSize("H", FONT, 1, 1)[0][1], max(1, round(capital / 10))
