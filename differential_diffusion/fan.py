"""Strength fans: one picture whose columns (or rows) are edited at different strengths (paper 4.2)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .change_map import Bounds, Extent

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


def range_of(text: str) -> tuple[float, float]:
    """Read a range of strengths as people write it: "0.2-0.8", "0.2 0.8".

    Raises:
        ValueError: not two numbers from 0 to 1.
    """
    numbers = [float(number) for number in re.findall(r"\d*\.?\d+", text)]
    if len(numbers) != 2 or max(numbers) > 1:
        raise ValueError(f'"{text}" is not a range of strengths; two numbers from 0 to 1 are, such as 0.2-0.8')
    return numbers[0], numbers[1]


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


@dataclass(frozen=True)
class Part:
    """One column or row of a fan.

    Attributes:
        strength: 0..1.
        steps: for which the part is denoised.
        start, end: where it lies in the run's result, in pixels along the fan's axis; `end` is the next one's start.
    """

    strength: float
    steps: int
    start: int
    end: int


def parts(strengths: Sequence[float], steps: Sequence[int], axis: Axis, cells: Extent, area: Bounds) -> list[Part]:
    """The parts of a fan, in order.

    Args:
        steps: for which each part is denoised.
        cells: of the latent.
        area: where the latent's picture lies in the run's result.
    """
    if axis is Axis.COLUMNS:
        first, pixels, length = area.x, area.width, cells.width
    else:
        first, pixels, length = area.y, area.height, cells.height
    edges = [first + round(border * pixels / length) for border in borders(len(strengths), length)]
    return [Part(*each) for each in zip(strengths, steps, edges, edges[1:])]


class Turn(Enum):
    """What a run is to the one-click fan of the page that it comes from."""

    NONE = "none"
    FAN = "fan"
    AFTER = "after"


class FanTickets:
    """Knows which runs are the fan that the panel's button asked for.

    The button fetches a ticket and leaves its tag in the page, and every later run brings that along: "fan:TICKET",
    which the page turns into "after:TICKET". A ticket is random and known to this process alone, so that neither an
    older page nor another program's values can hold one by accident. It belongs to the first job that brings it: all
    runs of that job (of a batch folder, an X/Y/Z plot) are fans, those of other jobs come after.
    """

    KEPT = 1000

    def __init__(self) -> None:
        self._jobs: dict[str, object] = {}

    def issue(self) -> str:
        """The tag of a new ticket."""
        ticket = secrets.token_hex(16)
        self._jobs[ticket] = None
        if len(self._jobs) > self.KEPT:
            del self._jobs[next(iter(self._jobs))]
        return f"{Turn.FAN.value}:{ticket}"

    def turn(self, tag: object, job: object) -> Turn:
        """What a run of `job` is that brings `tag`, which may be anything."""
        kind, _, ticket = tag.partition(":") if isinstance(tag, str) else ("", "", "")
        if ticket not in self._jobs:
            return Turn.NONE
        if self._jobs[ticket] is None:
            self._jobs[ticket] = job
        return Turn.FAN if kind == Turn.FAN.value and self._jobs[ticket] == job else Turn.AFTER
