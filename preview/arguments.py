"""The command line, read before anything is installed.

What an edit's settings may be is the extension's to say (`edit.py` asks it); here only their shape is checked.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from writing import obstacle

FORMATS = (".png", ".jpg", ".jpeg", ".webp")
SETTINGS = (
    "source",
    "polarity",
    "softness",
    "softness_side",
    "minimum",
    "fan_strengths",
    "fan_count",
    "fan_from",
    "fan_to",
    "fan_axis",
    "keep_exact",
    "show_change",
    "black",
    "white",
    "gamma",
    "auto",
    "auto_prompt",
    "auto_against",
    "equalise",
    "auto_part",
)
"""Options of an edit that are the extension's settings by the same name; None where they were not given."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """`command` is "edit", "export" or "page". Ends the program with a message if something is wrong."""
    if arguments[:1] == ["export"]:
        parser = _export_parser()
        options = parser.parse_args(arguments[1:])
        if options.file.suffix != ".safetensors":
            parser.error(f"{options.file}: the name must end in .safetensors")
        return options
    if arguments[:1] == ["edit"]:
        parser = _edit_parser()
        options = parser.parse_intermixed_args(arguments[1:])
        _check_files(parser, options)
    else:
        parser = _page_parser()
        options = parser.parse_args(arguments)
    if options.refiner_at is not None and options.refiner is None:
        parser.error("--refiner-at says when a refiner takes over; name one with --refiner")
    return options


def _page_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python preview",
        description="A small img2img WebUI with the Differential Diffusion extension in it.",
        epilog="To edit a picture without a browser: python preview edit --help",
    )
    parser.set_defaults(command="page")
    parser.add_argument("--port", type=_port, default=7861, help="on 127.0.0.1; 0 takes a free one (7861)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--no-example", action="store_true", help="begin with an empty page")
    parser.add_argument(
        "--gradio", type=int, choices=(3, 4), default=4, help="4 as in Forge (4), 3 as in AUTOMATIC1111"
    )
    _add_environment(parser)
    return parser


class _Compact(argparse.HelpFormatter):
    """One line for one option, so that the whole fits a screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=27, width=min(shutil.get_terminal_size().columns - 2, 98))


def _edit_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python preview edit",
        usage="%(prog)s PICTURE [MAP] --prompt TEXT --out FILE [options]",
        description="Changes each pixel of PICTURE as far as MAP allows: white changes, black stays as it is.",
        formatter_class=_Compact,
    )
    parser.set_defaults(command="edit", gradio=None)
    parser.add_argument("picture", metavar="PICTURE", type=_file, help=argparse.SUPPRESS)
    parser.add_argument("map", metavar="MAP", type=_file, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--prompt", metavar="TEXT", required=True, help="what to change it into")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help=".png, .webp (both lossless) or .jpg")

    run = parser.add_argument_group("the run")
    run.add_argument("--negative-prompt", metavar="TEXT", default="")
    run.add_argument(
        "--strength", metavar="0..1", type=_share, default=0.75, help="of white, the denoising strength (0.75)"
    )
    run.add_argument("--steps", metavar="N", type=_positive, default=20, help="(20)")
    run.add_argument("--seed", metavar="N", type=_seed, default=-1, help="(-1: another one every time)")
    run.add_argument("--sampler", metavar="NAME", default="DPM++ 2M", help="such as Euler, Heun, DDIM (DPM++ 2M)")
    run.add_argument(
        "--cfg-scale", metavar="N", type=_guidance, default=3.0, help="how closely to follow the prompt (3)"
    )
    run.add_argument(
        "--size", metavar="WxH", type=_size, help="to work at (about the model's own, in the picture's shape)"
    )

    effect = parser.add_argument_group("the map")
    effect.add_argument(
        "--source",
        metavar="NAME",
        help="map; mask: MAP is an inpaint mask; fan: MAP optional; auto: no MAP (map)",
    )
    effect.add_argument("--polarity", metavar="WORDS", help='"white changes" or "white keeps"')
    effect.add_argument("--black", metavar="0..1", type=float, help="darker parts of the map change nothing (0)")
    effect.add_argument("--white", metavar="0..1", type=float, help="brighter parts have full strength (1)")
    effect.add_argument("--gamma", metavar="POWER", type=float, help="of the map; above 1 weakens the middle (1)")
    effect.add_argument("--auto", metavar="WAY", help="how it is made: prompt, luminance, saturation, detail (prompt)")
    effect.add_argument("--auto-prompt", metavar="TEXT", help="what to look for (the prompt)")
    effect.add_argument("--auto-against", metavar="TEXT", help="what to compare that with (nothing)")
    effect.add_argument("--auto-part", metavar="PART", help="of a made map: high, low, middle (high)")
    effect.add_argument("--save-map", action="store_true", help="also write the made map, as FILE-map.png")
    effect.add_argument("--equalise", action="store_const", const=True, help="even out a made map's greys")
    effect.add_argument("--softness", metavar="PIXELS", type=float, help="blur of the map's edges (0)")
    effect.add_argument("--softness-side", metavar="SIDE", help="where it may reach: both, outwards, inwards (both)")
    effect.add_argument("--minimum", metavar="0..1", type=float, help="least strength outside a mask (0)")
    effect.add_argument("--fan-strengths", metavar="LIST", help='such as "0.2, 0.4, 0.7"; or these three:')
    effect.add_argument("--fan-count", metavar="N", type=int, help="how many (5)")
    effect.add_argument("--fan-from", metavar="0..1", type=float, help="the first (0.2)")
    effect.add_argument("--fan-to", metavar="0..1", type=float, help="the last (1)")
    effect.add_argument("--fan-axis", metavar="AXIS", help="columns or rows (columns)")
    effect.add_argument(
        "--no-keep-exact",
        dest="keep_exact",
        action="store_const",
        const=False,
        help="black parts need not stay bit-equal",
    )
    effect.add_argument(
        "--show-change", action="store_const", const=True, help="also write what changed, as FILE-change"
    )
    other = parser.add_argument_group("the program")
    other.add_argument("--force", action="store_true", help="let FILE take the place of PICTURE or MAP")
    _add_environment(other)
    return parser


def _add_environment(parser: Any) -> None:
    parser.add_argument(
        "--model",
        metavar="PATH",
        type=_model,
        help="a diffusers folder or .safetensors file; families: preview/README.md",
    )
    parser.add_argument("--refiner", metavar="PATH", type=_model, help="that of Stable Diffusion XL")
    parser.add_argument(
        "--refiner-at", metavar="0..1", type=_share, help="share of the noise levels before it takes over (0.8)"
    )
    parser.add_argument(
        "--torch-index", metavar="URL", help="where pip finds another build of torch, at the first start"
    )


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python preview export",
        description="Writes a model that `python preview/train` made as a checkpoint of Stable Diffusion 1's form "
        "(890 MB) and its .yaml. A WebUI takes both in its folder models/Stable-diffusion.",
    )
    parser.set_defaults(command="export", gradio=None)
    parser.add_argument("file", metavar="FILE", type=Path, help="a name that ends in .safetensors")
    parser.add_argument("--model", metavar="DIR", type=_model, required=True, help="the folder that it was written to")
    parser.add_argument(
        "--torch-index", metavar="URL", help="where pip finds another build of torch, at the first start"
    )
    return parser


def _check_files(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuses what an edit would stumble over when all the work is done."""
    if options.map is None and options.source not in ("fan", "auto"):
        parser.error("a MAP is missing; only --source fan and --source auto do without one")
    if options.map is not None and options.source == "auto":
        parser.error("a MAP is given, but --source auto makes one; leave out one of them")
    out: Path = options.out
    if out.suffix.lower() not in FORMATS:
        parser.error(f"--out {out}: the name must end in {', '.join(FORMATS)}")
    if options.save_map and options.source != "auto":
        parser.error("--save-map writes the map that --source auto makes")
    for file in _written(options):
        if reason := obstacle(file):
            parser.error(f"--out {out}: {file} {reason}" if file != out else f"--out {out} {reason}")
        for name, path in (("picture", options.picture), ("map", options.map)):
            if path is not None and file.exists() and file.samefile(path) and not options.force:
                parser.error(f"--out {out}: {file} is the {name} itself; --force writes over it")


def _written(options: argparse.Namespace) -> Iterator[Path]:
    """The files that an edit may write."""
    yield options.out
    if options.source == "fan":
        yield beside(options.out, "labelled")
    if options.show_change:
        yield beside(options.out, "change")
    if options.save_map:
        yield map_beside(options.out)


def beside(out: Path, what: str) -> Path:
    """The file beside `out` for something else that an edit writes."""
    return out.with_stem(f"{out.stem}-{what}")


def map_beside(out: Path) -> Path:
    return beside(out, "map").with_suffix(".png")


def _file(text: str) -> Path:
    path = _there(text, "file")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it")
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is a pipe or a device, not a file")
    return path


def _model(text: str) -> Path:
    return _there(os.path.expanduser(text), "model at")


def _there(text: str, what: str) -> Path:
    try:
        if Path(text).exists():
            return Path(text)
    except OSError as error:  # such as a name that is too long
        raise argparse.ArgumentTypeError(f"there is no {what} {text} ({error.strerror})") from None
    raise argparse.ArgumentTypeError(f"there is no {what} {text}")


def _port(text: str) -> int:
    return _number(text, int, 0, 65535)


def _positive(text: str) -> int:
    return _number(text, int, 1, 1000)


def _seed(text: str) -> int:
    return _number(text, int, -1, 2**63 - 1)


def _share(text: str) -> float:
    return _number(text, float, 0, 1)


def _guidance(text: str) -> float:
    return _number(text, float, 0, 100)


def _number(text: str, kind: type, low: float, high: float):
    value = kind(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not in {low}..{high}")
    return value


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or not all(64 <= int(side) <= 2048 and int(side) % 8 == 0 for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT, multiples of 8 from 64 to 2048 pixels")
    return int(match[1]), int(match[2])
