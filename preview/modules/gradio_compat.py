"""What differs between gradio 3 (AUTOMATIC1111) and gradio 4 (Forge)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

IS_GRADIO_4 = gr.__version__.startswith("4.")
JS = "js" if IS_GRADIO_4 else "_js"
"""Name of the argument with an event's JavaScript."""

HEIGHT = 360

if IS_GRADIO_4:
    # gradio 4 would write a .pyi file beside every module that derives a component.
    gr.component_meta.create_or_modify_pyi = lambda *_: None


def picture_input(label: str, elem_id: str, show_label: bool = False) -> gr.Image:
    origin: dict[str, Any] = {"sources": ["upload", "clipboard"]} if IS_GRADIO_4 else {"source": "upload"}
    return gr.Image(
        label=label,
        elem_id=elem_id,
        show_label=show_label,
        interactive=True,
        type="pil",
        image_mode="RGBA",
        height=HEIGHT,
        **origin,
    )


def masked_picture_inputs(label: str, elem_id: str) -> list[Any]:
    """A picture with a mask painted on it: one component with both in gradio 3; in gradio 4, whose editor draws with
    WebGL all the time and takes a core where there is no GPU, a picture and the field that mask_canvas.js fills."""
    if IS_GRADIO_4:
        field = gr.Textbox(visible=False, elem_id=f"{elem_id}_mask")
        return [picture_input(label, elem_id), field]
    picture = gr.Image(
        label=label,
        elem_id=elem_id,
        show_label=False,
        interactive=True,
        type="pil",
        image_mode="RGBA",
        height=HEIGHT - 60,
        source="upload",
        tool="sketch",
        brush_color="#ffffff",
    )
    return [picture]


def result_gallery(elem_id: str, pictures: list[Image.Image]) -> gr.Gallery:
    lossless = {"format": "png"} if IS_GRADIO_4 else {}
    return gr.Gallery(
        pictures,
        label="Output",
        show_label=False,
        elem_id=elem_id,
        columns=4,
        preview=True,
        height=480,
        object_fit="contain",
        **lossless,
    )


def accept_underscore_js() -> None:
    """Lets events take `_js` under gradio 4 too, as Forge does for extensions written for AUTOMATIC1111."""
    if not IS_GRADIO_4:
        return
    for name in (*gr.components.__all__, *gr.layouts.__all__):
        component = getattr(gr, name, None)
        for event in getattr(component, "EVENTS", []):
            listener = getattr(component, str(event))
            if not hasattr(listener, "takes_underscore_js"):
                setattr(component, str(event), _taking_underscore_js(listener))


def _taking_underscore_js(listener: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(listener)
    def listen(*args: Any, _js: str | None = None, **kwargs: Any) -> Any:
        if _js is not None:
            kwargs["js"] = _js
        return listener(*args, **kwargs)

    listen.takes_underscore_js = True  # type: ignore[attr-defined]
    return listen
