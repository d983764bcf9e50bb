"""The text under a picture that says how it was made, written and read back."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from modules import errors, shared

if TYPE_CHECKING:
    from modules.processing import StableDiffusionProcessing

sys.modules["modules.generation_parameters_copypaste"] = sys.modules[__name__]

_PARAMETER = re.compile(r'(\w[\w /-]+): *("(?:[^"\\]|\\.)*"|[^,]*)(?:, *|$)')
_SIZE = re.compile(r"(\d+)x(\d+)")
_NEGATIVE = "Negative prompt:"

DEFAULTS = {
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": "32",
    "Schedule type": "Automatic",
}
"""What an infotext that does not mention a setting means."""


class PasteField(tuple):
    """(component, infotext key or function of the parsed fields) for one component of the page."""

    def __new__(cls, component: Any, target: Any, *, api: str | None = None) -> PasteField:
        return super().__new__(cls, (component, target))

    def __init__(self, component: Any, target: Any, *, api: str | None = None) -> None:
        self.api = api
        self.component = component
        self.label = target if isinstance(target, str) else None
        self.function = target if callable(target) else None


def quote(text: Any) -> Any:
    """Wraps a value that could be mistaken for several fields in quotes."""
    return json.dumps(text, ensure_ascii=False) if any(mark in str(text) for mark in ",\n:") else text


def unquote(text: str) -> str:
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def create_infotext(
    p: StableDiffusionProcessing,
    prompts: list[str],
    seeds: list[int],
    negative_prompts: list[str],
    index: int = 0,
    use_main_prompt: bool = False,
) -> str:
    """The infotext of picture `index` of the given lists; with `use_main_prompt` that of the whole run's grid."""
    index = 0 if use_main_prompt else index
    fields: dict[str, Any] = {
        "Steps": p.steps,
        "Sampler": p.sampler_name,
        "CFG scale": p.cfg_scale,
        "Seed": p.all_seeds[0] if use_main_prompt else seeds[index],
        "Size": f"{p.width}x{p.height}",
        "Model": shared.sd_model.name,
        **p.extra_generation_params,
    }
    for key, value in fields.items():
        try:
            if isinstance(value, list):
                fields[key] = value[index]
            elif callable(value):
                fields[key] = value(p=p, index=index, use_main_prompt=use_main_prompt)
        except Exception:
            errors.report(f'Error creating infotext for key "{key}"', exc_info=True)
            fields[key] = None
    lines = [p.all_prompts[0] if use_main_prompt else prompts[index]]
    if negative_prompts[index]:
        lines.append(f"{_NEGATIVE} {negative_prompts[index]}")
    lines.append(", ".join(f"{key}: {quote(value)}" for key, value in fields.items() if value is not None))
    return "\n".join(lines).strip()


def parse_generation_parameters(text: str) -> dict[str, Any]:
    """The fields of an infotext; prompts under "Prompt" and "Negative prompt", sizes split into "...-1" and "...-2"."""
    *lines, last = text.strip().split("\n")
    if len(_PARAMETER.findall(last)) < 3:
        lines, last = [*lines, last], ""

    starts_negative = next((i for i, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = [line.strip().removeprefix(_NEGATIVE).strip() for line in lines[starts_negative:]]
    result: dict[str, Any] = {}
    for key, value in _PARAMETER.findall(last):
        value = unquote(value)
        if size := _SIZE.fullmatch(value):
            result[f"{key}-1"], result[f"{key}-2"] = size.groups()
        else:
            result[key] = value
    result = {**DEFAULTS, **result, "Prompt": "\n".join(map(str.strip, lines[:starts_negative]))}
    result["Negative prompt"] = "\n".join(negative)
    for key in shared.opts.infotext_skip_pasting:
        result.pop(key, None)
    return result
