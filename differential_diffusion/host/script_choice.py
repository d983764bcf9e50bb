"""The script that is chosen in the img2img tab's dropdown, and what becomes of a map under it."""

from __future__ import annotations

from typing import Any

from modules import scripts

from .tiles import CUTS_TILES, MASKS_ITS_TILES

DROPDOWN = "script_list"
"""The dropdown's id in the page."""

WITHOUT_US = {
    "outpainting mk2": "it makes masks of its own",
    "poor man's outpainting": "it makes masks of its own",
    "img2img alternative test": "it replaces the sampling that the map would steer",
}
"""Scripts that cannot be combined with a change map, by `key`, and why."""


def key(title: str) -> str:
    """What a script goes by here: the hosts differ in the capitals of its title."""
    return title.lower()


def chosen(p: Any) -> str:
    """Title of the script that a run was started with; empty if there is none."""
    number = p.script_args[0] if p.script_args else 0
    return p.scripts.selectable_scripts[number - 1].title() if isinstance(number, int) and number > 0 else ""


def said_of(number: int | None) -> str:
    """What the panel says of the script at that place of the dropdown, from 1; empty if there is nothing to say."""
    title = scripts.scripts_img2img.selectable_scripts[number - 1].title() if number else ""
    if key(title) in (*CUTS_TILES, *MASKS_ITS_TILES):
        return (
            f"With <b>{title}</b> the map is laid over the enlarged picture: black parts are the upscaler's own, all "
            "others change by their grey, tile by tile. Softness grows with the picture."
        )
    if key(title) in WITHOUT_US:
        return f"With <b>{title}</b> the map is not used: {WITHOUT_US[key(title)]}."
    return ""
