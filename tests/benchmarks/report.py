"""Tables and pictures of the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from runs import ROOT, Pictures

IMAGES = ROOT / "preview" / "images"
LABEL_HEIGHT = 18
GAP = 4


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def save_sheet(name: str, rows: Sequence[Sequence[NDArray[np.uint8]]], labels: Sequence[Sequence[str]]) -> str:
    """Save rows of labelled pictures as preview/images/bench-`name`.png and return the Markdown that shows it."""
    drawn = [_row(pictures, texts) for pictures, texts in zip(rows, labels)]
    width = max(row.shape[1] for row in drawn)
    padded = [
        cv2.copyMakeBorder(row, 0, GAP, 0, width - row.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3) for row in drawn
    ]
    Image.fromarray(np.concatenate(padded)).save(path_of(name), optimize=True)
    return link(name)


def path_of(name: str) -> str:
    IMAGES.mkdir(parents=True, exist_ok=True)
    return str(IMAGES / f"bench-{name}.png")


def link(name: str) -> str:
    return f"![{name}](../../preview/images/bench-{name}.png)"


def heat(plane: NDArray[np.floating], low: float, high: float) -> Pictures:
    """A plane (H, W) as a picture, `low` black and `high` white."""
    levels = np.clip((plane - low) / max(high - low, 1e-9), 0, 1) * 255
    return np.repeat(levels.round().astype(np.uint8)[..., None], 3, axis=2)


def _row(pictures: Sequence[NDArray[np.uint8]], texts: Sequence[str]) -> NDArray[np.uint8]:
    columns = []
    for picture, text in zip(pictures, texts):
        label = np.full((LABEL_HEIGHT, picture.shape[1], 3), 255, np.uint8)
        cv2.putText(label, text, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
        columns += [np.concatenate([label, picture]), np.full((picture.shape[0] + LABEL_HEIGHT, GAP, 3), 255, np.uint8)]
    return np.concatenate(columns[:-1], axis=1)
