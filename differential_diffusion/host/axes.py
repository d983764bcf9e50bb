"""Our settings as axes of the host's X/Y/Z plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules import scripts

from .. import automatic, fan
from ..settings import NAME, Source, named
from . import preprocessors


def add_plot_axes() -> None:
    """Offer our settings as axes of the host's X/Y/Z plot."""
    for data in scripts.scripts_data:
        plot: Any = data.module
        axes = getattr(plot, "axis_options", [])
        # by the axes that are there: on Forge Classic their types stand in another module
        option: Any = next((type(axis) for axis in axes if type(axis).__name__ == "AxisOptionImg2Img"), None)
        if option is not None:
            axes += [
                option(
                    f"[{NAME}] Source", str, _plotted("source"), choices=lambda: [source.value for source in Source]
                ),
                option(f"[{NAME}] Auto", str, _plotted_maker, choices=_makers),
                option(f"[{NAME}] Softness", float, _plotted("softness")),
                option(f"[{NAME}] Gamma", float, _plotted("gamma")),
                option(f"[{NAME}] Fan range", str, _plotted_range, confirm=_confirm_ranges),
            ]


def _plotted(key: str) -> Callable[[Any, Any, Any], None]:
    return lambda p, value, _: _set(p, {key: value})


def _makers() -> list[str]:
    return [automatic.PROMPT, *automatic.MAKERS, *preprocessors.names()]


def _plotted_maker(p: Any, value: str, _: Any) -> None:
    _set(p, {"source": Source.AUTO.value, "auto": value})


def _plotted_range(p: Any, value: str, _: Any) -> None:
    first, last = fan.range_of(value)
    _set(p, {"source": Source.FAN.value, "fan_strengths": None, "fan_from": first, "fan_to": last})


def _confirm_ranges(_: Any, values: Sequence[str]) -> None:
    for value in values:
        fan.range_of(value)


def _set(p: Any, values: Mapping[str, Any]) -> None:
    """Change our script's arguments on this `p` alone, and switch the effect on."""
    script = next(s for s in p.scripts.alwayson_scripts if s.title() == NAME)
    own = slice(script.args_from, script.args_to)
    arguments = list(p.script_args)
    changed = {**named(arguments[own]), "enabled": True, **values}
    arguments[script.args_from] = changed
    p.script_args = arguments
