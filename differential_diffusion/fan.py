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


@dataclass(frozen=True)
class Layout:
    """Where the parts of a fan lie on the latent. They share out what the change map changes, so that every strength is
    seen there; what lies beside belongs to the first and the last of them.

    Attributes:
        strengths: of the parts, in order, 0..1.
        axis: along which they follow each other.
        borders: where they begin and end along it, in cells: one more than there are parts.
    """

    strengths: tuple[float, ...]
    axis: Axis
    borders: tuple[int, ...]

    @classmethod
    def over(cls, change: np.ndarray, strengths: tuple[float, ...], axis: Axis) -> Layout:
        """The layout over a change map, float (h, w) in [0, 1], of one value a cell.

        Each part has as many of the lines of cells that reach half the map's peak as the others, to within one.

        Raises:
            FanDoesNotFit: more parts than such lines.
        """
        peaks = change.max(axis=0 if axis is Axis.COLUMNS else 1)
        lines = np.flatnonzero(peaks >= change.max() / 2)
        if len(strengths) > lines.size:
            raise FanDoesNotFit(
                f"{len(strengths)} strengths do not fit: what is to change has {lines.size} latent cells "
                f"along the fan's axis, so at most {lines.size} do"
            )
        inner = [int(lines[k * lines.size // len(strengths)]) for k in range(1, len(strengths))]
        return cls(strengths, axis, (0, *inner, peaks.size))

    def split(self, plane: np.ndarray) -> list[np.ndarray]:
        """The parts of a plane (h, w) of cells."""
        return np.split(plane, self.borders[1:-1], axis=1 if self.axis is Axis.COLUMNS else 0)

    def strengths_of_cells(self, cells: Extent) -> np.ndarray:
        """The strength that each cell belongs to: float64 (h, w). Parts begin and end between cells, so none is a
        blend."""
        line = np.repeat(np.asarray(self.strengths, dtype=np.float64), np.diff(self.borders))
        across = line[None, :] if self.axis is Axis.COLUMNS else line[:, None]
        return np.broadcast_to(across, (cells.height, cells.width)).copy()


def view(change: np.ndarray, area: Bounds) -> Bounds:
    """What of a run's result shows a fan: what the map changes, and around it a quarter of that.

    Args:
        change: the change map, float (h, w) in [0, 1], of one value a cell.
        area: where the latent's picture lies in the result.
    """
    ends = []
    for across, start, pixels in ((0, area.x, area.width), (1, area.y, area.height)):
        lines = np.flatnonzero(change.max(axis=across) > 0)
        count = change.shape[1 - across]
        first, last = (lines[0], lines[-1] + 1) if lines.size else (0, count)
        margin = -(-(last - first) // 4)
        ends += [start + round(max(first - margin, 0) * pixels / count)]
        ends += [start + round(min(last + margin, count) * pixels / count)]
    left, right, top, bottom = ends
    return Bounds(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Part:
    """One column or row of a fan.

    Attributes:
        strength: 0..1, the one to set the slider to.
        reached: what its strongest cell got of it: all, unless the map is grey there.
        steps: for which that cell is denoised.
        start, end: what is shown of it in the run's result, in pixels along the fan's axis; `end` is the next one's
            start.
    """

    strength: float
    reached: float
    steps: int
    start: int
    end: int


def parts(layout: Layout, reached: Sequence[float], steps: Sequence[int], area: Bounds, shown: Bounds) -> list[Part]:
    """The parts of a fan, in order.

    Args:
        reached, steps: of each part's strongest cell.
        area: where the latent's picture lies in the run's result.
        shown: what is shown of it.
    """
    is_columns = layout.axis is Axis.COLUMNS
    first, pixels = (area.x, area.width) if is_columns else (area.y, area.height)
    start, length = (shown.x, shown.width) if is_columns else (shown.y, shown.height)
    inner = [first + round(border * pixels / layout.borders[-1]) for border in layout.borders[1:-1]]
    edges = [start, *inner, start + length]
    return [Part(*each) for each in zip(layout.strengths, reached, steps, edges, edges[1:])]


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
