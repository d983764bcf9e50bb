"""Change maps made for a picture, by the way that `auto` names."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import images, shared

from .. import automatic, change_map
from ..change_map import Extent, Polarity
from ..settings import BadSetting, Settings
from . import preprocessors, prompt_maps
from .patches import generators_kept
from .prompt_maps import Texts


def of_run(p: Any, picture: Image.Image, settings: Settings, index: int) -> np.ndarray | None:
    """The map of `picture`, a run's number `index`; see `made`."""
    prompts = p.all_prompts or [p.prompt]  # the hosts set them up after `before_process`
    return made(picture, settings, prompts[min(index, len(prompts) - 1)])


def made(picture: Image.Image, settings: Settings, run_prompt: str) -> np.ndarray | None:
    """The change map of a picture, with its polarity and levels, but before softness and inpaint mask: uint8 (H, W), of
    its size; None if it was interrupted.

    Raises:
        BadSetting: an unknown way, a preprocessor that fails, or a text with nothing in it.
    """
    picture = images.flatten(picture, shared.opts.img2img_background_color)
    plane = _plane(picture, settings, run_prompt)
    if plane is None:
        return None
    plane = automatic.finished(plane, Extent(*picture.size), settings.equalise, settings.auto_part)
    plane = 1 - plane if settings.polarity is Polarity.WHITE_KEEPS else plane
    plane = change_map.levelled(plane, settings.black, settings.white, settings.gamma)
    return (plane * 255).round().astype(np.uint8)


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
    with torch.no_grad(), generators_kept():
        return preprocessors.answer(
            name, np.asarray(picture.resize((size.width, size.height), Image.Resampling.LANCZOS))
        )
