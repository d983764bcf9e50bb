"""The host's preprocessors, which make a picture of what they see in one: depth, edges, segments. What they need, and
where it comes from, is theirs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from ..settings import BadSetting

NO_MAPS = {"IP-Adapter", "InstantID", "Instant-ID", "Reference", "Revision", "T2I-Adapter"}
"""Tags of those whose answer is no picture of this one."""
FIRST = ("depth", "seg")
"""What the list begins with: what makes the best maps."""
SLIDERS = ("slider_1", "slider_2", "slider_3")
"""Of a preprocessor's own settings; Forge Classic's have two."""
DISTORTION = 0.2
"""How far an answer's aspect may be from the picture's: they round its sides, mostly to 64 pixels."""


def names() -> list[str]:
    """Of the preprocessors that there are, depth first."""
    return list(_found())


def answer(name: str, picture: np.ndarray) -> np.ndarray:
    """What a preprocessor makes of a picture, uint8 (H, W, 3): its brightness, float32 (h, w) in [0, 1].

    Raises:
        BadSetting: it fails, or answers with anything but a picture of this one.
    """
    preprocessor = _found()[name]
    there = [slider for slider in SLIDERS if hasattr(preprocessor, slider)]
    sliders = {slider: getattr(preprocessor, slider).gradio_update_kwargs.get("value") for slider in there}
    try:
        found = preprocessor(picture.copy(), resolution=min(picture.shape[:2]), **sliders)
    except Exception as error:
        raise BadSetting("auto", f'preprocessor "{name}" failed: {type(error).__name__}: {error}') from error
    found = getattr(found, "value", found)
    if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.ndim not in (2, 3):
        raise BadSetting("auto", f'preprocessor "{name}" answers with no picture, so it makes no map')
    (height, width), (rows, columns) = picture.shape[:2], found.shape[:2]
    if abs(np.log(columns * height / (rows * width))) > DISTORTION:
        raise BadSetting(
            "auto",
            f'preprocessor "{name}" answers with {columns} x {rows} pixels, which is no map of {width} x {height}',
        )
    grey = cv2.cvtColor(found[..., :3], cv2.COLOR_RGB2GRAY) if found.ndim == 3 and found.shape[2] >= 3 else found
    return grey.reshape(rows, columns).astype(np.float32) / 255


def _found() -> dict[str, Any]:
    """By name: Forge's and Forge Neo's own, or those of the ControlNet extension."""
    offered: Mapping[str, Any] = getattr(sys.modules.get("modules_forge.shared"), "supported_preprocessors", None) or {}
    extension = getattr(sys.modules.get("scripts.supported_preprocessor"), "Preprocessor", None)
    if not offered and extension is not None:
        offered = extension.all_processors
    usable = {
        name: preprocessor
        for name, preprocessor in offered.items()
        if name.lower() != "none"
        and getattr(preprocessor, "returns_image", True)
        and not getattr(preprocessor, "requires_mask", False)
        and not NO_MAPS & set(preprocessor.tags)
    }
    return dict(sorted(usable.items(), key=lambda item: (_place(item[0]), -item[1].sorting_priority, item[0])))


def _place(name: str) -> int:
    return next((place for place, word in enumerate(FIRST) if word in name.lower()), len(FIRST))
