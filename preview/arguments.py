"""The command line, read before anything is installed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """`command` is "edit" or "page". Ends the program with a message if something is wrong."""
    if arguments[:1] == ["edit"]:
        return _edit_parser().parse_args(arguments[1:])
    return _page_parser().parse_args(arguments)


def _page_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python preview",
        description="A small img2img WebUI with the Differential Diffusion extension in it.",
        epilog="To edit a picture without a browser: python preview edit --help",
    )
    parser.set_defaults(command="page")
    parser.add_argument("--port", type=_port, default=7861, help="on 127.0.0.1; 0 takes a free one (default 7861)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    _add_environment(parser)
    return parser


def _edit_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python preview edit", description="Changes each pixel of PICTURE as far as MAP allows."
    )
    parser.set_defaults(command="edit")
    parser.add_argument("picture", metavar="PICTURE", type=_file)
    parser.add_argument("map", metavar="MAP", type=_file, help="a picture; white changes most, black stays as it is")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="where to write the result, a .png")
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--strength", type=_share, default=1.0, help="denoising strength where the map is white (1)")
    parser.add_argument("--steps", type=_positive, default=20)
    parser.add_argument("--seed", type=int, default=-1, help="-1 picks one (default)")
    parser.add_argument("--sampler", default="DPM++ 2M", help='such as "Euler a", "Heun", "DDIM" (default DPM++ 2M)')
    parser.add_argument("--cfg-scale", type=float, default=3.0, help="how closely to follow the prompt (3)")
    parser.add_argument("--softness", type=float, default=0.0, help="blur of the map, in pixels of the picture (0)")
    parser.add_argument("--polarity", choices=("white changes", "white keeps"), default="white changes")
    parser.add_argument("--change-all", action="store_true", help="do not put back the pixels where the map is 0")
    parser.add_argument(
        "--size", metavar="WxH", type=_size, help="to work at; by default the picture's own, at most 768 on a side"
    )
    _add_environment(parser)
    return parser


def _add_environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gradio", type=int, choices=(3, 4), default=4, help="4 as in Forge (default) or 3 as in AUTOMATIC1111"
    )
    parser.add_argument(
        "--model", type=Path, help="Stable Diffusion 1, 2 or XL, a diffusers folder or .safetensors file (demo model)"
    )


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _port(text: str) -> int:
    return _number(text, int, 0, 65535)


def _positive(text: str) -> int:
    return _number(text, int, 1, 1000)


def _share(text: str) -> float:
    return _number(text, float, 0, 1)


def _number(text: str, kind: type, low: float, high: float):
    value = kind(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not in {low}..{high}")
    return value


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or not all(64 <= int(side) <= 4096 and int(side) % 8 == 0 for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT, multiples of 8 from 64 to 4096 pixels")
    return int(match[1]), int(match[2])
