"""Callbacks that are not tied to a script's class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from modules import errors

if TYPE_CHECKING:
    from fastapi import FastAPI

    from models.family import Conditioning


@dataclass
class CFGDenoiserParams:
    """The batch about to be denoised: a copy of the sampler's state, once for the prompt and once for the negative."""

    x: torch.Tensor
    image_cond: torch.Tensor
    sigma: torch.Tensor
    sampling_step: int
    total_sampling_steps: int
    text_cond: Conditioning
    text_uncond: Conditioning
    denoiser: Any


_callbacks: dict[str, list[Callable[..., None]]] = {
    name: []
    for name in ("app_started", "before_ui", "cfg_denoiser", "infotext_pasted", "script_unloaded", "ui_settings")
}


def _run(name: str, *args: Any) -> None:
    for callback in _callbacks[name]:
        try:
            callback(*args)
        except Exception:
            errors.report(f"Error executing callback {name} of {callback.__module__}", exc_info=True)


def on_app_started(callback: Callable[[Any, FastAPI], None]) -> None:
    """Called with the page and the app once its routes are there."""
    _callbacks["app_started"].append(callback)


def on_before_ui(callback: Callable[[], None]) -> None:
    """Called before the page is built."""
    _callbacks["before_ui"].append(callback)


def on_cfg_denoiser(callback: Callable[[CFGDenoiserParams], None]) -> None:
    """Called before each model call; may replace fields of its argument."""
    _callbacks["cfg_denoiser"].append(callback)


def on_infotext_pasted(callback: Callable[[str, dict[str, Any]], None]) -> None:
    """Called with the infotext and its parsed fields, which may be edited, before they reach the page."""
    _callbacks["infotext_pasted"].append(callback)


def on_script_unloaded(callback: Callable[[], None]) -> None:
    """Called when the host stops."""
    _callbacks["script_unloaded"].append(callback)


def on_ui_settings(callback: Callable[[], None]) -> None:
    """Called when the host gathers its settings, before the page is built."""
    _callbacks["ui_settings"].append(callback)


def ui_settings_callback() -> None:
    _run("ui_settings")


def app_started_callback(page: Any, app: FastAPI) -> None:
    _run("app_started", page, app)


def before_ui_callback() -> None:
    _run("before_ui")


def cfg_denoiser_callback(params: CFGDenoiserParams) -> None:
    _run("cfg_denoiser", params)


def infotext_pasted_callback(infotext: str, params: dict[str, Any]) -> None:
    _run("infotext_pasted", infotext, params)


def script_unloaded_callback() -> None:
    _run("script_unloaded")
