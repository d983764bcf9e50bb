"""Strength fans: one picture whose columns (or rows) are edited at different strengths (paper 4.2)."""

from __future__ import annotations

from enum import Enum

import numpy as np

from differential_diffusion.change_map import Extent

FEWEST = 2
MOST = 10


class Axis(str, Enum):
    COLUMNS = "columns"
    ROWS = "rows"


class FanDoesNotFit(ValueError):
    """More parts than the picture has cells along the fan's axis."""


def spaced(count: int, first: float, last: float) -> tuple[float, ...]:
    """`count` strengths from `first` to `last` in equal steps, rounded to 0.001."""
    return tuple(round(float(s), 3) for s in np.linspace(first, last, count))


def borders(count: int, cells: int) -> list[int]:
    """Where the parts of a fan begin and end: `count + 1` cell indices, from 0 to `cells`.

    Parts differ by at most one cell where `count` does not divide `cells`.

    Raises:
        FanDoesNotFit: fewer cells than parts.
    """
    if count > cells:
        raise FanDoesNotFit(
            f"{count} strengths do not fit: the picture has {cells} latent cells (of 8 pixels) along the fan's axis, "
            f"so at most {cells} do"
        )
    return [round(k * cells / count) for k in range(count + 1)]


def strengths_of_cells(strengths: tuple[float, ...], axis: Axis, cells: Extent) -> np.ndarray:
    """The strength that each cell belongs to: float64 (h, w). Parts begin and end between cells, so none is a blend.

    Raises:
        FanDoesNotFit: fewer cells than strengths.
    """
    length = cells.width if axis is Axis.COLUMNS else cells.height
    line = np.repeat(np.asarray(strengths, dtype=np.float64), np.diff(borders(len(strengths), length)))
    across = line[None, :] if axis is Axis.COLUMNS else line[:, None]
    return np.broadcast_to(across, (cells.height, cells.width)).copy()
