"""The accordion in the img2img tab."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from . import automatic, fan, infotext
from .settings import FIELDS, LEAST_GAMMA, MOST_GAMMA, NAME
from .words import INFO, LABELS

SLIDER_SOFTNESS = 128
"""Largest softness on the slider, in pixels; the API takes more."""

NO_PREPROCESSORS = (
    "<div class='diffdiff-hint'>For depth, segments and edges install the ControlNet extension: its preprocessors then "
    "stand here too.</div>"
)


@dataclass(frozen=True)
class Panel:
    """What the host has to know of the panel.

    Attributes:
        inputs: in the order of `settings.FIELDS`, then the tag of one-click fans.
        infotext_fields: component and how its value is read from a picture's infotext.
        script_line: where stands what becomes of the map under the script that is chosen in the tab; see `follow`.
    """

    script_line: Any
    inputs: list[Any]
    infotext_fields: list[tuple[Any, Callable[[dict[str, Any]], Any]]]


def build(
    input_accordion: Callable[..., Any],
    issue_fan_ticket: Callable[[], str],
    idle_steps: Mapping[str, int],
    preprocessors: Sequence[str],
    make_map: Callable[[str], str],
) -> Panel:
    """Build the panel inside the host's page.

    Args:
        input_accordion: the host's accordion with a checkbox in its title.
        issue_fan_ticket: makes the tag of a one-click fan.
        idle_steps: how many steps fewer than others a sampler makes, by its name; for the counts that the page shows.
        preprocessors: names of the host's, from which maps can be made too.
        make_map: makes the map that the page's JavaScript asks for, from and to its text.
    """
    inputs: dict[str, Any] = {}
    with input_accordion(False, label=NAME, elem_id="diffdiff") as inputs["enabled"]:
        script_line = gr.HTML(elem_id="diffdiff_script_line", visible=False)
        inputs["source"] = _radio("source")
        with gr.Column(elem_id="diffdiff_auto_group"):
            makers = [automatic.PROMPT, *automatic.MAKERS, *preprocessors]
            inputs["auto"] = gr.Dropdown(makers, allow_custom_value=True, **_known("auto"))
            if not preprocessors:
                gr.HTML(NO_PREPROCESSORS)
            with gr.Row(elem_id="diffdiff_auto_texts"):
                inputs["auto_prompt"] = gr.Textbox(placeholder="such as: landscape, trees", **_known("auto_prompt"))
                inputs["auto_against"] = gr.Textbox(placeholder="such as: landscape", **_known("auto_against"))
            with gr.Row():
                inputs["auto_part"] = _radio("auto_part")
                inputs["equalise"] = gr.Checkbox(**_known("equalise"))
            gr.HTML(elem_id="diffdiff_auto_tools")
            map_request, map_answer = _hidden("map_request"), _hidden("map_answer")
            make_button = gr.Button("Make map", visible=False, elem_id="diffdiff_make_map")
        with gr.Column(elem_id="diffdiff_map_group"):
            gr.HTML(elem_id="diffdiff_painter")
            inputs["polarity"] = _radio("polarity")
            inputs["map"] = _hidden("map")
        with gr.Row():
            inputs["softness"] = gr.Slider(0, SLIDER_SOFTNESS, step=1, **_known("softness"))
            inputs["softness_side"] = _radio("softness_side", min_width=280)
        with gr.Column(elem_id="diffdiff_mask_group"):
            inputs["minimum"] = _share("minimum")
        levels = "Levels: they change the run, not your map"
        with gr.Accordion(levels, open=False, elem_id="diffdiff_levels_group"), gr.Row():
            inputs["black"] = _share("black")
            inputs["white"] = _share("white")
            inputs["gamma"] = gr.Slider(LEAST_GAMMA, MOST_GAMMA, step=0.05, **_known("gamma"))
        gr.HTML(elem_id="diffdiff_preview")
        with gr.Row(elem_id="diffdiff_checks"):
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
                    inputs["fan_axis"] = _radio("fan_axis")
        tag = _hidden("tag")
        _hidden("idle_steps", json.dumps(idle_steps))
        pasted_map = _hidden("pasted_map")

    make_button.click(make_map, inputs=[map_request], outputs=[map_answer], show_progress=False, queue=False)
    fan_button.click(issue_fan_ticket, outputs=[tag], show_progress=False, queue=False)
    pasted = {key: component for key, component in inputs.items() if key != "map"}
    pastes = itertools.count(1)
    return Panel(
        script_line=script_line,
        inputs=[*(inputs[key] for key in FIELDS), tag],
        infotext_fields=[
            *((component, _reader(key)) for key, component in pasted.items()),
            # numbered, so that the page sees the same map pasted twice
            (pasted_map, lambda text: f"{next(pastes)}:{infotext.map_of(text)}"),
        ],
    )


def follow(dropdown: Any, line: Any, said_of: Callable[[int | None], str]) -> None:
    """Let `line` say what `said_of` knows of the script that is chosen.

    Args:
        dropdown: the host's, whose value is the script's place in it.
    """

    def choose(number: int | None) -> Any:
        said = said_of(number)
        return gr.update(value=said, visible=bool(said))

    dropdown.change(choose, inputs=[dropdown], outputs=[line], show_progress=False, queue=False)


def _known(key: str) -> dict[str, Any]:
    """A component's words, its id, and its value, as radios and all others take it: never None, whose type the hosts
    would give to what is pasted."""
    default = FIELDS[key].default
    value = getattr(default, "value", default)
    return {
        "value": "" if value is None else value,
        "label": LABELS[key],
        "info": INFO[key],
        "elem_id": f"diffdiff_{key}",
    }


def _radio(key: str, **options: Any) -> gr.Radio:
    """The values themselves are the choices: the hosts keep a default of ui-config.json only if it is the text of a
    choice, and give it to gradio as a value. The page's own JavaScript shows them in words."""
    return gr.Radio([choice.value for choice in type(FIELDS[key].default)], **_known(key), **options)


def _share(key: str) -> gr.Slider:
    return gr.Slider(0, 1, step=0.01, **_known(key))


def _hidden(key: str, value: str = "") -> gr.Textbox:
    """A field that only the page's own JavaScript writes or reads."""
    field = gr.Textbox(value, visible=False, elem_id=f"diffdiff_{key}", label=f"{NAME} {key}")
    field.do_not_save_to_config = True
    return field


def _reader(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda text: infotext.read(key, text)
