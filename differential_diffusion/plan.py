"""From settings to the strengths of one run: what changes where, and how strong the run itself must be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import change_map, fan, schedule
from .change_map import Bounds, Extent, Polarity, SoftnessSide
from .settings import BadSetting, Settings, Source

FAINT = 5 / 255
"""A map that is nowhere above this (of 1) was hardly meant: 0 and 1 in a file whose white is 255, or black ink."""


def compose(settings: Settings, mask: np.ndarray | None, picture: Extent) -> np.ndarray:
    """The change map M = blur(levels(source x mask), softness) of one picture, without a fan's parts. An inpaint mask
    as the source gets an edge that falls evenly (`soften_mask`).

    Args:
        mask: the host's inpaint mask, float32 (H, W) in [0, 1], of the picture's size; None if there is none.
        picture: size of the input picture.

    Returns:
        float32 (H, W) in [0, 1].

    Raises:
        BadSetting: source "mask" without a mask.
    """
    if settings.source is Source.MASK:
        if mask is None:
            raise BadSetting(
                "source",
                '"mask" needs an inpaint mask; the request has no "mask", a picture as base64 text or a data URL',
                "There is no inpaint mask: paint or upload one in an Inpaint tab, or choose Change map.",
            )
        plane = mask
    elif settings.map is not None:
        plane = change_map.from_grey(settings.map, settings.polarity, picture)
        plane = plane if mask is None else plane * mask
    else:
        plane = np.ones((picture.height, picture.width), np.float32) if mask is None else mask
    plane = change_map.levelled(plane, settings.black, settings.white, settings.gamma)
    if settings.source is Source.MASK:
        soft = change_map.soften_mask(plane, settings.softness, settings.softness_side)
        return np.maximum(soft, settings.minimum)
    return change_map.soften(plane, settings.softness, settings.softness_side)


def why_so_little(settings: Settings, mask: np.ndarray | None, plane: np.ndarray) -> str | None:
    """Why a run changes nothing, or almost nothing, in words for its user; None if it changes something.

    Args:
        settings, mask: that the map was composed of.
        plane: the map itself, float32 (H, W) in [0, 1], or those of a batch.
    """
    peak = float(plane.max())
    if peak > FAINT:
        return None
    has_map = settings.is_made or settings.map is not None
    what = "the change map" if has_map else "the inpaint mask"
    where = "everywhere inside the inpaint mask" if has_map and mask is not None else "everywhere"
    if peak > 0:
        return f"almost nothing was changed: {what} is {peak:.1%} or less {where}"
    if has_map and settings.polarity is Polarity.WHITE_KEEPS:
        return f"nothing was changed: {what} is white {where}, and white keeps"
    return f"nothing was changed: {what} is black {where}"


def outpainted(plane: np.ndarray, covered: Bounds, softness: float) -> np.ndarray:
    """The change map on a canvas that the picture does not fill: beyond it there is nothing to keep, so M = 1, softly
    from inside of the picture on.

    Args:
        plane: the map on the canvas, float32 (H, W) in [0, 1].
        covered: where the picture lies on it.
        softness: of the map, in pixels of the canvas.
    """
    margins = np.ones_like(plane)
    change_map.cut(margins, covered.within(Extent.of(plane)))[:] = 0
    if not margins.any():
        return plane
    return np.maximum(plane, change_map.soften_mask(margins, softness, SoftnessSide.OUTWARDS))


@dataclass(frozen=True)
class Strengths:
    """The strengths of one run.

    Attributes:
        cells: of each latent cell, float64 (B, h, w) in 0..1: what plain img2img calls denoising strength. B is the
            number of pictures, or 1 where all share one map.
        run: of the run itself, that of the strongest cell. Levels above it are never computed (paper 3.3.1).
        layout: of the fan's parts; None if it is no fan.
    """

    cells: np.ndarray
    run: float
    layout: fan.Layout | None = None


def strengths(settings: Settings, cells: np.ndarray, slider: float) -> Strengths:
    """Strength S of each cell.

    Args:
        cells: the change maps averaged over latent cells, float64 (B, h, w) in [0, 1], one for each picture or one for
            all (B = 1).
        slider: the denoising strength that the user set, 0..1. A fan's strengths are absolute and do without it.

    Raises:
        BadSetting: more fan strengths than cells to change along its axis.
    """
    layout = None
    full = np.full(cells.shape[1:], slider)
    if settings.source is Source.FAN:
        try:
            layout = fan.Layout.over(cells.max(axis=0), settings.fan_strengths, settings.fan_axis)
        except fan.FanDoesNotFit as error:
            raise BadSetting("fan_strengths", str(error), f"{error}.") from error
        full = layout.strengths_of_cells(Extent.of(cells[0]))
    strength = schedule.snap(full * cells)
    strongest = float(strength.max())
    return Strengths(strength, slider if np.isclose(strongest, slider, rtol=0, atol=1e-6) else strongest, layout)
