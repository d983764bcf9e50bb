"""What the user asked for: typed, checked once, at the edge. The keys are the API's and the panel's alike.

`FIELDS` is the one table that joins a key with its check, its default and its place in infotext. Its order is the
order of positional API arguments: append only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from . import automatic, change_map, fan
from .automatic import Part
from .change_map import BadMap, Polarity, SoftnessSide
from .fan import Axis
from .words import LABELS

NAME = "Differential Diffusion"
MAX_SOFTNESS = 1024.0
"""Pixels; four times the width of the widest soft edge that a 1024 px picture can show."""
LEAST_GAMMA, MOST_GAMMA = 0.1, 10.0
LONGEST_TEXT = 10_000
"""Characters of a text."""
FORM = '{"args": [{"map": "<base64 picture>"}]}'
"""What a request's entry for this script looks like, for messages."""


class Refused(ValueError):
    """A run that cannot be carried out as it was asked for. The message is for whoever wrote the request.

    Attributes:
        on_page: the same for whoever sits at the page.
    """

    def __init__(self, reason: str, on_page: str = "") -> None:
        super().__init__(_sendable(f"{NAME}: {reason}"))
        self.on_page = _sendable(on_page or f"{reason}.")


def _sendable(text: str) -> str:
    """With halves of surrogate pairs, which JSON can hold, as their numbers."""
    return text.encode(errors="backslashreplace").decode()


class BadSetting(Refused):
    """A setting that cannot be used. The message names the key, what was wrong and what is allowed."""

    def __init__(self, key: str, problem: str, on_page: str = "") -> None:
        super().__init__(f"{key}: {problem}", on_page or f"{LABELS.get(key, key)}: {problem}.")


class Source(str, Enum):
    """What the change map is made from."""

    MAP = "map"
    MASK = "mask"
    FAN = "fan"
    AUTO = "auto"


WITHOUT_MAP = (Source.MASK, Source.AUTO)
"""Sources that have no use for a map that was painted or uploaded."""


@dataclass(frozen=True, eq=False)
class Settings:
    """One run's settings.

    Attributes:
        source: what the change map is made from.
        map: the painted or uploaded picture, uint8 (H, W), of any size; None if none is there or needed.
        is_made: a map is made for each picture of the run, as `auto` and what follows it say.
        polarity: what white means in it.
        softness: standard deviation of the map's blur, in pixels of the input picture.
        fan_strengths: of the fan's parts in order, 0..1, absolute.
        fan_axis: whether the parts are columns or rows.
        softness_side: where the blur may reach.
        minimum: least strength outside the mask, 0..1, as a share of the slider's; source "mask" only.
        keep_exact: pixels with M = 0 come out bit-equal to the input.
        show_change: add a heat map of what changed, and how well that followed the map.
        black, white: values of the map or mask, 0..1, that become 0 and 1; black is below white.
        gamma: power to which the map or mask is raised between them, 0.1..10; above 1 it weakens the middle.
        auto: how it is made: `automatic.PROMPT`, one of `automatic.MAKERS`, or a preprocessor of the host.
        auto_prompt: what to look for; empty for the run's own prompt.
        auto_against: what to compare that with.
        equalise: even out the made map's histogram.
        auto_part: which of its values change.
    """

    source: Source
    map: np.ndarray | None
    is_made: bool
    polarity: Polarity
    softness: float
    fan_strengths: tuple[float, ...]
    fan_axis: Axis
    softness_side: SoftnessSide
    minimum: float
    keep_exact: bool
    show_change: bool
    black: float
    white: float
    gamma: float
    auto: str
    auto_prompt: str
    auto_against: str
    equalise: bool
    auto_part: Part


T = TypeVar("T", bound=Enum)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadSetting(key, f"{_shown(value)} is not allowed; true or false is")
    return value


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def check(key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadSetting(key, f"{_shown(value)} is not allowed; a number from {low:g} to {high:g} is")
        return float(value)

    return check


def _count(low: int, high: int) -> Callable[[str, Any], int]:
    def check(key: str, value: Any) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not low <= value <= high:
            raise BadSetting(key, f"{_shown(value)} is not allowed; a whole number from {low} to {high} is")
        return int(value)

    return check


def _choice(choices: type[T]) -> Callable[[str, Any], T]:
    def check(key: str, value: Any) -> T:
        try:
            return choices(value)
        except ValueError:
            allowed = ", ".join(f'"{choice.value}"' for choice in choices)
            raise BadSetting(key, f"{_shown(value)} is not allowed; one of {allowed} is") from None

    return check


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise BadSetting(key, f"{_shown(value)} is not allowed; a text of at most {LONGEST_TEXT} characters is")
    check_characters(key, value)
    return value.strip()


def check_characters(key: str, text: str) -> None:
    """Raises BadSetting for a text that no tokenizer takes and no file holds."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadSetting(key, f"{_shown(text)} holds half of a surrogate pair, which is no character") from None


def _maker(key: str, value: Any) -> str:
    return _text(key, value) or automatic.PROMPT


def _picture(key: str, value: Any) -> np.ndarray | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadSetting(key, f"{_shown(value)} is not allowed; a picture as base64 text or a data URL is")
    try:
        return change_map.decode(value)
    except BadMap as error:
        raise BadSetting(key, str(error)) from error


def _strengths(key: str, value: Any) -> tuple[float, ...] | None:
    """A list of strengths, or its text as typed in the panel: "0.2, 0.4, 1"."""
    allowed = f"a list of {fan.FEWEST} to {fan.MOST} numbers from 0 to 1 is"
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    items = value
    if isinstance(value, str):
        try:
            items = [float(item) for item in value.replace(",", " ").replace(";", " ").split()]
        except ValueError:
            raise BadSetting(key, f"{_shown(value)} is not allowed; {allowed}") from None
    if not isinstance(items, Sequence) or not fan.FEWEST <= len(items) <= fan.MOST:
        raise BadSetting(key, f"{_shown(value)} is not allowed; {allowed}")
    try:
        return tuple(_number(0, 1)(key, item) for item in items)
    except BadSetting:
        raise BadSetting(key, f"{_shown(value)} is not allowed; {allowed}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Field:
    """One key: how its value is checked, and what it is when not given."""

    check: Callable[[str, Any], Any]
    default: Any


FIELDS: dict[str, Field] = {
    "enabled": Field(_flag, True),
    "source": Field(_choice(Source), Source.MAP),
    "map": Field(_picture, None),
    "polarity": Field(_choice(Polarity), Polarity.WHITE_CHANGES),
    "softness": Field(_number(0, MAX_SOFTNESS), 0.0),
    "fan_strengths": Field(_strengths, None),
    "fan_count": Field(_count(fan.FEWEST, fan.MOST), 5),
    "fan_from": Field(_number(0, 1), 0.2),
    "fan_to": Field(_number(0, 1), 1.0),
    "fan_axis": Field(_choice(Axis), Axis.COLUMNS),
    "softness_side": Field(_choice(SoftnessSide), SoftnessSide.BOTH),
    "minimum": Field(_number(0, 1), 0.0),
    "keep_exact": Field(_flag, True),
    "show_change": Field(_flag, False),
    "black": Field(_number(0, 1), 0.0),
    "white": Field(_number(0, 1), 1.0),
    "gamma": Field(_number(LEAST_GAMMA, MOST_GAMMA), 1.0),
    "auto": Field(_maker, automatic.PROMPT),
    "auto_prompt": Field(_text, ""),
    "auto_against": Field(_text, ""),
    "equalise": Field(_flag, False),
    "auto_part": Field(_choice(Part), Part.HIGH),
}


def parse(values: Mapping[str, Any]) -> Settings | None:
    """Check a request's values; None if they say that the effect is off.

    Every value is checked, also those that the chosen source does not use, except that nothing is when `enabled` is
    false: what is switched off cannot be in the way.

    Raises:
        BadSetting: an unknown key, a wrong type, a value out of range, a picture that cannot be decoded, or a source
            without what it needs.
    """
    for key in values:
        if key not in FIELDS:
            raise BadSetting(key, f"no such key; the keys are {', '.join(FIELDS)}")
    if not _flag("enabled", values.get("enabled", True)):
        return None
    checked = {key: field.check(key, values[key]) if key in values else field.default for key, field in FIELDS.items()}
    strengths = checked["fan_strengths"] or fan.spaced(checked["fan_count"], checked["fan_from"], checked["fan_to"])
    if checked["source"] is Source.MAP and checked["map"] is None:
        raise BadSetting(
            "map",
            'missing; source "map" needs a painted or uploaded map, as base64 or a data URL',
            "Nothing is painted yet: paint over the picture, choose Inpaint mask, or switch this off.",
        )
    black, white = checked["black"], checked["white"]
    if black >= white:
        key, problem = ("black", f"{black:g} is not allowed; a number below white, {white:g}, is")
        if white == 0:
            key, problem = ("white", f"0 is not allowed; a number above black, {black:g}, is")
        raise BadSetting(key, problem, "Levels: black must be below white.")
    if checked["source"] is Source.FAN and math.isclose(max(strengths), 0):
        raise BadSetting(
            "fan_strengths",
            "every strength is 0; at least one must be above 0",
            "Every strength of the fan is 0: at least one must be above 0.",
        )
    checked |= {"fan_strengths": strengths, "is_made": checked["source"] is Source.AUTO}
    checked |= {"map": None} if checked["source"] in WITHOUT_MAP else {}
    return Settings(**{f.name: checked[f.name] for f in fields(Settings)})


def requested(entry: Any) -> list[Any]:
    """The script arguments of an API request: `entry` is what it has for this script in `alwayson_scripts`.

    The settings may stand in the list of arguments, as the WebUI wants it, or in its place.

    Raises:
        BadSetting: anything else; the hosts would fail over it without a word of what they wanted, or run without it.
    """
    if not isinstance(entry, Mapping) or entry.keys() - {"args"}:
        raise BadSetting("alwayson_scripts", f"{_shown(entry)} is not allowed; {FORM} is")
    arguments = entry.get("args", [])
    if isinstance(arguments, Mapping):
        return [arguments]
    if not isinstance(arguments, list):
        raise BadSetting("args", f"{_shown(arguments)} is not allowed; {FORM} is")
    if len(arguments) > len(FIELDS):
        raise BadSetting("args", f"{len(arguments)} values; by position there are {len(FIELDS)}: {', '.join(FIELDS)}")
    return arguments


def named(arguments: Sequence[Any]) -> dict[str, Any]:
    """A script's arguments by key: one dict (the API's form), or values in the order of `FIELDS` (the panel's).

    After a dict come the panel's values, with which the host fills up; a second dict would be a user's.

    Raises:
        BadSetting: a second dict.
    """
    if not arguments or not isinstance(arguments[0], Mapping):
        return dict(zip(FIELDS, arguments))
    if any(isinstance(argument, Mapping) for argument in arguments[1:]):
        raise BadSetting("args", "more than one object; put all settings into one")
    return dict(arguments[0])


def tag_of(arguments: Sequence[Any]) -> Any:
    """The tag of a one-click fan (`fan.FanTickets`), which the panel puts after the values; None if there is none."""
    return arguments[len(FIELDS)] if len(arguments) > len(FIELDS) else None


def parse_as_fan(values: Mapping[str, Any]) -> Settings:
    """Check a request's values, turned into a strength fan over what they would have changed. Raises BadSetting."""
    source = values.get("source")
    painted = {"map": None} if source in WITHOUT_MAP else {}
    parsed = parse({**values, **painted, "enabled": True, "source": Source.FAN.value})
    assert parsed is not None
    return replace(parsed, is_made=source == Source.AUTO.value)


def as_painted(settings: Settings, made: np.ndarray) -> Settings:
    """Settings of a run whose map, uint8 (H, W), was made with its polarity and levels: as if it had been painted."""
    return replace(settings, map=made, polarity=Polarity.WHITE_CHANGES, black=0.0, white=1.0, gamma=1.0)


def as_after_fan(values: Mapping[str, Any], has_mask: bool) -> dict[str, Any]:
    """A request's values as they are meant on a page that has just made a fan: over what that lay, even if the chosen
    source is not there. Without map and mask that was the whole picture, which needs no effect of ours."""
    there = {Source.MAP.value: bool(values.get("map")), Source.MASK.value: has_mask}
    if there.get(values.get("source", Source.MAP.value), True):
        return dict(values)
    other = next((source for source, is_there in there.items() if is_there), None)
    return {**values, "enabled": False} if other is None else {**values, "source": other}
