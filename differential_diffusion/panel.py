"""The accordion in the img2img tab."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from . import fan, infotext
from .change_map import Polarity, SoftnessSide
from .fan import Axis
from .settings import FIELDS, NAME, Source
from .words import INFO, LABELS

SOURCES = {Source.MAP: "Change map", Source.MASK: "Inpaint mask", Source.FAN: "Strength fan"}
POLARITIES = {Polarity.WHITE_CHANGES: "White changes", Polarity.WHITE_KEEPS: "White keeps"}
SIDES = {
    SoftnessSide.BOTH: "Both ways",
    SoftnessSide.OUTWARDS: "Outwards",
    SoftnessSide.INWARDS: "Inwards",
}
AXES = {Axis.COLUMNS: "Columns", Axis.ROWS: "Rows"}
SLIDER_SOFTNESS = 128
"""Largest softness on the slider, in pixels; the API takes more."""


@dataclass(frozen=True)
class Panel:
    """What the host has to know of the panel.

    Attributes:
        inputs: in the order of `settings.FIELDS`, then the tag of one-click fans.
        infotext_fields: component and how its value is read from a picture's infotext.
    """

    inputs: list[Any]
    infotext_fields: list[tuple[Any, Callable[[dict[str, Any]], Any]]]


def build(
    input_accordion: Callable[..., Any], issue_fan_ticket: Callable[[], str], idle_steps: Mapping[str, int]
) -> Panel:
    """Build the panel inside the host's page.

    Args:
        input_accordion: the host's accordion with a checkbox in its title.
        issue_fan_ticket: makes the tag of a one-click fan.
        idle_steps: how many steps fewer than others a sampler makes, by its name; for the counts that the page shows.
    """
    inputs: dict[str, Any] = {}
    with input_accordion(False, label=NAME, elem_id="diffdiff") as inputs["enabled"]:
        inputs["source"] = _radio("source", SOURCES)
        with gr.Column(elem_id="diffdiff_map_group") as map_group:
            gr.HTML(elem_id="diffdiff_painter")
            inputs["polarity"] = _radio("polarity", POLARITIES)
            inputs["map"] = _hidden("map")
        with gr.Row():
            inputs["softness"] = gr.Slider(0, SLIDER_SOFTNESS, step=1, **_known("softness"))
            inputs["softness_side"] = _radio("softness_side", SIDES, min_width=280)
        with gr.Column(elem_id="diffdiff_mask_group", visible=False) as mask_group:
            inputs["minimum"] = _share("minimum")
        gr.HTML(elem_id="diffdiff_preview")
        with gr.Row():
            inputs["keep_exact"] = gr.Checkbox(**_known("keep_exact"))
            inputs["show_change"] = gr.Checkbox(**_known("show_change"))
        with gr.Column(elem_id="diffdiff_fan_group"):
            fan_button = gr.Button("Strength fan", elem_id="diffdiff_fan")
            with gr.Accordion("Which strengths", open=False, elem_id="diffdiff_fan_settings"):
                with gr.Row():
                    inputs["fan_from"] = _share("fan_from")
                    inputs["fan_to"] = _share("fan_to")
                    inputs["fan_count"] = gr.Slider(fan.FEWEST, fan.MOST, step=1, **_known("fan_count"))
                with gr.Row():
                    inputs["fan_strengths"] = gr.Textbox(placeholder="0.2, 0.4, 0.7", **_known("fan_strengths"))
                    inputs["fan_axis"] = _radio("fan_axis", AXES)
        tag = _hidden("tag")
        _hidden("idle_steps", json.dumps(idle_steps))
        pasted_map = _hidden("pasted_map")

    fan_button.click(issue_fan_ticket, outputs=[tag], show_progress=False, queue=False)
    inputs["source"].change(
        _groups_of, inputs=[inputs["source"]], outputs=[map_group, mask_group], show_progress=False, queue=False
    )
    pasted = {key: component for key, component in inputs.items() if key != "map"}
    pastes = itertools.count(1)
    return Panel(
        inputs=[*(inputs[key] for key in FIELDS), tag],
        infotext_fields=[
            *((component, _reader(key)) for key, component in pasted.items()),
            # numbered, so that the page sees the same map pasted twice
            (pasted_map, lambda text: f"{next(pastes)}:{infotext.map_of(text)}"),
        ],
    )


def _known(key: str) -> dict[str, Any]:
    """A component's words, its id, and its value, as radios and all others take it."""
    default = FIELDS[key].default
    value = getattr(default, "value", default)
    return {"value": value, "label": LABELS[key], "info": INFO[key], "elem_id": f"diffdiff_{key}"}


def _radio(key: str, choices: dict[Any, str], **options: Any) -> gr.Radio:
    return gr.Radio([(text, choice.value) for choice, text in choices.items()], **_known(key), **options)


def _share(key: str) -> gr.Slider:
    return gr.Slider(0, 1, step=0.01, **_known(key))


def _hidden(key: str, value: str = "") -> gr.Textbox:
    """A field that only the page's own JavaScript writes or reads."""
    field = gr.Textbox(value, visible=False, elem_id=f"diffdiff_{key}", label=f"{NAME} {key}")
    field.do_not_save_to_config = True
    return field


def _groups_of(source: str) -> list[Any]:
    return [
        gr.update(visible=source in (Source.MAP.value, Source.FAN.value)),
        gr.update(visible=source == Source.MASK.value),
    ]


def _reader(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda text: infotext.read(key, text)
