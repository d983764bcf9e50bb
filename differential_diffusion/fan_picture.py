"""The labelled picture of a strength fan: the picture itself with a bar that names each part's strength and steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from . import lettering
from .change_map import Bounds
from .fan import Axis, Part
from .lettering import BACKGROUND, BLOCK, CAPITALS_IN_A_PICTURE, DIM, LEAST_CAPITAL

FORMS = (
    ("{share:.2f} of {strength:g} = {reached:.2f}", "{steps} of {of_steps} steps"),
    ("{strength:g}: {reached:.2f}", "{steps} of {of_steps} steps"),
    ("{strength:g}: {reached:.2f}", "{steps} steps"),
    ("{strength:g}: {reached:.2f}", "{steps}/{of_steps}"),
)
"""How a strength that the map lets through in part is written, and the steps below it: the first that fits."""

SEPARATOR = (255, 255, 255)


def labelled(picture: Image.Image, area: Bounds, axis: Axis, parts: Sequence[Part], of_steps: int) -> Image.Image:
    """Draw a fan's labels beside it: above its columns, or left of its rows.

    A line is drawn between two parts that got different numbers of steps; those that got the same need none.

    Args:
        picture: the run's result.
        area: the part of it that is shown; the rest is left out.
        parts: of the fan, in order.
        of_steps: the steps that the user set.

    Returns:
        RGB. `area` enlarged by a whole factor, in most cases 1, with the bar above or left of it.
    """
    is_columns = axis is Axis.COLUMNS
    forms = [[_label(part, form, of_steps) for part in parts] for form in FORMS]
    widths = [lettering.width([line for label in labels for line in label]) for labels in forms]
    narrowest = min(part.end - part.start for part in parts)

    needed = widths[-1] if is_columns else BLOCK
    factor = int(np.ceil(max(1, needed * LEAST_CAPITAL / narrowest)))
    size = (area.width * factor, area.height * factor)
    capital = max(LEAST_CAPITAL, min(max(size) / CAPITALS_IN_A_PICTURE, narrowest * factor / needed))
    fitting = next((i for i, width in enumerate(widths) if width * capital <= narrowest * factor), -1)
    form = fitting if is_columns else 0
    thickness = round(capital * (BLOCK if is_columns else widths[form]))

    canvas = np.array(picture.convert("RGB").crop(area.box).resize(size, Image.Resampling.NEAREST))
    bar = np.full((thickness, size[0], 3) if is_columns else (size[1], thickness, 3), BACKGROUND, np.uint8)
    origin = area.x if is_columns else area.y
    for part, label in zip(parts, forms[form]):
        middle = ((part.start + part.end) / 2 - origin) * factor
        x, y = (middle, thickness / 2) if is_columns else (thickness / 2, middle)
        lettering.write_two(bar, label, (x, y), capital)

    half = max(1, round(max(size) / 1024))
    for before, after in zip(parts, parts[1:]):
        border = (after.start - origin) * factor
        _line(bar, axis, border, half, DIM, 1)
        if before.steps != after.steps:
            _line(canvas, axis, border, half, SEPARATOR, 0.5)
    return Image.fromarray(np.concatenate([bar, canvas], axis=0 if is_columns else 1))


def _label(part: Part, forms: tuple[str, str], of_steps: int) -> tuple[str, str]:
    values = {"strength": part.strength, "reached": part.reached, "steps": part.steps, "of_steps": of_steps}
    is_whole = round(part.strength - part.reached, 2) == 0
    share = part.reached / part.strength if part.strength else 1
    return ("{strength:g}" if is_whole else forms[0]).format(share=share, **values), forms[1].format(**values)


def _line(plane: np.ndarray, axis: Axis, at: int, half: int, colour: tuple[int, int, int], opacity: float) -> None:
    """Draw a line of `2 * half` pixels across the axis."""
    strip = (plane if axis is Axis.COLUMNS else plane.swapaxes(0, 1))[:, at - half : at + half]
    strip[:] = strip * (1 - opacity) + np.asarray(colour) * opacity
