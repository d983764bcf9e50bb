"""Change maps made for a picture, by the way that `auto` names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import images, shared

from .. import automatic
from ..change_map import Extent
from ..settings import BadSetting, Settings
from . import preprocessors, prompt_maps
from .prompt_maps import Texts


def of_run(p: Any, picture: Image.Image, settings: Settings, index: int) -> np.ndarray | None:
    """The map of `picture`, a run's number `index`; see `made`."""
    return made(picture, settings, p.all_prompts[min(index, len(p.all_prompts) - 1)])


def made(picture: Image.Image, settings: Settings, run_prompt: str) -> np.ndarray | None:
    """The map of a picture, as a painted one would be: uint8 (H, W), of its size; None if it was interrupted.

    Raises:
        BadSetting: an unknown way, a preprocessor that fails, or a text with nothing in it.
    """
    picture = images.flatten(picture, shared.opts.img2img_background_color)
    plane = _plane(picture, settings, run_prompt)
    return (
        None
        if plane is None
        else automatic.finished(plane, Extent(*picture.size), settings.equalise, settings.auto_part)
    )


def _plane(picture: Image.Image, settings: Settings, run_prompt: str) -> np.ndarray | None:
    name = settings.auto
    if name == automatic.PROMPT:
        return prompt_maps.where_it_acts(picture, Texts.of(settings.auto_prompt, settings.auto_against, run_prompt))
    if name in automatic.MAKERS:
        return automatic.MAKERS[name](np.asarray(picture))
    there = preprocessors.names()
    if name not in there:
        offered = f"the WebUI's preprocessors {', '.join(there)}" if there else "a preprocessor, if the WebUI had any"
        known = ", ".join([automatic.PROMPT, *automatic.MAKERS])
        raise BadSetting("auto", f'"{name}" is not allowed; {known} are, and {offered}')
    size = automatic.asked_size(Extent(*picture.size))
    with torch.no_grad(), torch.random.fork_rng():
        return preprocessors.answer(
            name, np.asarray(picture.resize((size.width, size.height), Image.Resampling.LANCZOS))
        )
