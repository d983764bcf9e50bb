"""Greys of masks that Forge and Forge Neo make black and white on their way from the page to a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from modules import img2img

from .patches import wrap_once

INPAINT_UPLOAD = 4
"""The number of that tab."""

_uploaded: Image.Image | None = None
"""The mask of the page's run that goes on now: the hosts carry out one at a time."""


def keep_greys() -> None:
    """From now on, remember the mask of a run of the Inpaint upload tab as it was uploaded, on hosts that round it."""
    wrap_once(img2img, "img2img_function", _run_with_greys)


def _run_with_greys(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    global _uploaded
    given = inspect.signature(run).bind(*args, **kwargs).arguments
    _uploaded = given["init_mask_inpaint"] if given["mode"] == INPAINT_UPLOAD else None
    try:
        return run(*args, **kwargs)
    finally:
        _uploaded = None


def with_greys(mask: Image.Image) -> Image.Image:
    """The uploaded mask that the host has rounded to `mask`; `mask` itself where it comes from somewhere else."""
    if _uploaded is None:
        return mask
    uploaded = ImageOps.exif_transpose(_uploaded)
    rounded = uploaded.point(lambda value: 255 if value > 128 else 0)
    is_same = rounded.mode == mask.mode and np.array_equal(np.asarray(rounded), np.asarray(mask))
    return uploaded if is_same else mask
