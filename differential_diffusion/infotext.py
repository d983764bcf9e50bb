"""Settings as infotext and back. The map itself is never written: its digest is, and how it was used."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from . import automatic, change_map
from .fan import Part
from .settings import FIELDS, NAME, Settings, Source

LABELS = {
    "source": NAME,
    "map": f"{NAME} map",
    "polarity": f"{NAME} polarity",
    "softness": f"{NAME} softness",
    "fan_strengths": f"{NAME} fan",
    "fan_axis": f"{NAME} fan axis",
    "softness_side": f"{NAME} softness side",
    "minimum": f"{NAME} minimum",
    "keep_exact": f"{NAME} keep exact",
    "show_change": f"{NAME} show change",
    "black": f"{NAME} black",
    "white": f"{NAME} white",
    "gamma": f"{NAME} gamma",
    "auto": f"{NAME} auto",
    "auto_prompt": f"{NAME} auto prompt",
    "auto_against": f"{NAME} auto against",
    "equalise": f"{NAME} equalise",
    "auto_part": f"{NAME} auto part",
}
"""Key -> infotext label. A label is written where the value is used and differs from its default; the first always."""

FAN_PIXELS = f"{NAME} fan pixels"
"""Label of where a fan's parts lie: first pixel and the one after the last, along the fan's axis."""
HOSTS_SOFT_INPAINTING = "Soft inpainting"
"""How the labels of the host's own soft inpainting begin."""
PICTURE = f"{NAME} picture"
"""Label of what a picture shows if it is not the run's result itself."""


def remove(text: MutableMapping[str, Any]) -> None:
    """Take out what an earlier run wrote."""
    for label in [label for label in text if label.startswith(NAME)]:
        del text[label]


def remove_unused(text: MutableMapping[str, Any]) -> None:
    """Take out what the host's own soft inpainting writes of itself before a run that does without it."""
    for label in [label for label in text if label.startswith(HOSTS_SOFT_INPAINTING)]:
        del text[label]


def write_parts(parts: Sequence[Part]) -> dict[str, str]:
    """Infotext of a fan's parts: label -> value."""
    return {FAN_PIXELS: " ".join(f"{part.start}-{part.end}" for part in parts)}


def of_labelled_fan(clean: str) -> str:
    """Infotext of a labelled picture, from that of the clean one."""
    return f"{clean}, {PICTURE}: labelled fan"


def of_change(clean: str, cam: float, dam: float) -> str:
    """Infotext of the heat map of a change, from that of the picture itself."""
    return f"{clean}, {PICTURE}: what changed, {NAME} CAM: {cam:.3f}, {NAME} DAM: {dam:.2f}"


def write(settings: Settings) -> dict[str, Any]:
    """Infotext of one run: label -> value."""
    has_map = settings.map is not None
    values: dict[str, Any] = {
        "polarity": settings.polarity if has_map or settings.is_made else None,
        "softness": settings.softness,
        "softness_side": settings.softness_side if settings.softness else None,
        "minimum": settings.minimum if settings.source is Source.MASK else None,
        "fan_axis": settings.fan_axis if settings.source is Source.FAN else None,
        "keep_exact": settings.keep_exact,
        "show_change": settings.show_change,
        "black": settings.black,
        "white": settings.white,
        "gamma": settings.gamma,
    }
    if settings.is_made:
        values |= {key: getattr(settings, key) for key in ("equalise", "auto_part")}
        if settings.auto == automatic.PROMPT:
            values |= {key: getattr(settings, key) for key in ("auto_prompt", "auto_against")}
    text: dict[str, Any] = {LABELS["source"]: settings.source.value}
    if settings.is_made:
        text[LABELS["auto"]] = settings.auto
    if settings.map is not None and has_map:
        text[LABELS["map"]] = change_map.digest(settings.map)
    if settings.source is Source.FAN:
        text[LABELS["fan_strengths"]] = " ".join(f"{s:g}" for s in settings.fan_strengths)
    for key, value in values.items():
        if value is not None and value != FIELDS[key].default:
            text[LABELS[key]] = getattr(value, "value", value)
    return text


def map_of(text: Mapping[str, Any]) -> str:
    """The digest of the map that a picture was made with; empty where there was none."""
    return str(text.get(LABELS["map"], ""))


def read(key: str, text: Mapping[str, Any]) -> Any:
    """The panel's value for a setting from a picture's infotext; its default where the picture has none.

    A picture made without the effect gives `enabled` False.
    """
    if key == "enabled":
        return NAME in text
    if key == "source" and LABELS["auto"] in text:
        return Source.AUTO.value  # also of a fan, which a button makes of it
    default = FIELDS[key].default
    value = text.get(LABELS[key], default) if key in LABELS else default
    if isinstance(default, bool):
        return str(value) == "True"
    if isinstance(default, float):
        return float(value)
    if key == "fan_strengths":
        return "" if value is None else str(value).replace(" ", ", ")
    return getattr(value, "value", value)
