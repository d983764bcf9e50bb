"""Pictures of plain shapes, so that the model does not take everything for a landscape."""

import cv2
import numpy as np

from preview.train.canvas import Canvas, Picture
from preview.train.captions import COLOURS


def draw_abstract(
    shape: str, colours: list[str], rng: np.random.Generator, height: int = 256, width: int = 256
) -> Picture:
    """A pattern of captions.SHAPES in the named colours; the first colour is the background."""
    canvas = Canvas.empty(height, width)
    ground, *inks = (np.float32(COLOURS[name]) for name in colours)
    shade = 0.85 + 0.3 * canvas.noise(rng, 2, 2)[..., None]
    canvas.rgb[:] = ground * shade
    x, y = canvas.grid()
    size = float(rng.uniform(0.10, 0.26))
    turn = float(rng.uniform(0, np.pi))
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    sharp = canvas.height / np.pi

    if shape in ("stripes", "waves", "checkerboard"):
        bend = 0.08 * np.sin(across * rng.uniform(6, 12)) if shape == "waves" else 0.0
        first = np.sin((along + bend) * np.pi / size)
        pattern = first * np.sin(across * np.pi / size) if shape == "checkerboard" else first
        canvas.paint(np.clip(pattern * sharp * size + 0.5, 0, 1), inks[0])
    elif shape == "rings":
        centre = rng.uniform(0.25, 0.75, 2)
        distance = np.hypot(x - centre[0] * canvas.aspect, y - centre[1])
        canvas.paint(np.clip(np.sin(distance * np.pi / (0.6 * size)) * sharp * size + 0.5, 0, 1), inks[0])
    elif shape == "blobs":
        for ink in inks:
            field = canvas.noise(rng, float(rng.uniform(2.5, 4.5)), 1)
            canvas.paint(np.clip((field - 0.58) * 30, 0, 1), ink)
    else:
        corners = {"circles": 32, "squares": 4, "triangles": 3}[shape]
        for _ in range(int(rng.integers(4, 12))):
            ink = inks[int(rng.integers(len(inks)))] * float(rng.uniform(0.85, 1.1))
            angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, np.pi)
            centre = rng.random(2) * (canvas.aspect, 1)
            outline = centre + size * rng.uniform(0.5, 1.2) * np.stack([np.cos(angle), np.sin(angle)], -1)
            canvas.paint(canvas.polygon(outline), ink)
    return np.clip(cv2.GaussianBlur(canvas.rgb, (0, 0), 0.5), 0, 1)
