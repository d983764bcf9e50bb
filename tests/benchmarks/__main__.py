"""`python tests --bench [NAME ...] [--quick]`: runs the benchmarks and writes their results to RESULTS.md.

Each section is a module here with a function `run(quick)` that prints Markdown; its docstring is the section's heading.
Sections that are not named keep the results that they have.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import io
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

import torch

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
ROOT = HERE.parents[1]
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent, ROOT / "preview", ROOT)]

import report  # noqa: E402

SECTIONS = (
    "cost",
    "skipping",
    "fan",
    "response",
    "soft_inpainting",
    "texture",
    "maps",
    "painter",
    "automatic_maps",
    "tasks",
    "adherence",
)


class Tee(io.StringIO):
    """Keeps what is printed, and prints it."""

    def __init__(self, shown: TextIO) -> None:
        super().__init__()
        self._shown = shown

    def write(self, text: str) -> int:
        self._shown.write(text)
        self._shown.flush()
        return super().write(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tests --bench", description="Tables of what it costs and how well it works."
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"all of these by default: {', '.join(SECTIONS)}")
    parser.add_argument(
        "--quick", action="store_true", help="little of everything, in under three minutes; not written down"
    )
    options = parser.parse_args()
    unknown = sorted({*options.names} - {*SECTIONS})
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if options.quick:
        report.IMAGES = Path(tempfile.mkdtemp())
    for name in options.names or SECTIONS:
        text = measured(name, options.quick)
        if not options.quick:
            RESULTS.write_text(with_section(RESULTS.read_text(), name, text))


def measured(name: str, quick: bool) -> str:
    """Runs one section and returns its Markdown."""
    module = importlib.import_module(name)
    heading = f"## {(module.__doc__ or name).strip().splitlines()[0].rstrip('.')}"
    print(f"\n{heading}\n", flush=True)
    start = time.monotonic()
    with contextlib.redirect_stdout(Tee(sys.stdout)) as printed:
        module.run(quick)
    took = f"*`{name}`, {datetime.date.today()}, {machine()}: {time.monotonic() - start:.0f} s.*"
    print(f"\n{took}", flush=True)
    return f"{heading}\n\n{printed.getvalue().strip()}\n\n{took}\n"


def machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor()}, {os.cpu_count()} cores{busy}, no GPU"


def processor() -> str:
    information = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", information.read_text()) if information.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def with_section(results: str, name: str, text: str) -> str:
    """The results with one section replaced, in the order of `SECTIONS`. What stands before them is written by hand."""
    head = results.partition("\n<!-- ")[0]
    found = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=\n<!-- \w+ -->\n|\Z)", results, flags=re.DOTALL))
    found[name] = text
    return head + "".join(f"\n<!-- {key} -->\n{found[key].rstrip()}\n" for key in SECTIONS if key in found)


if __name__ == "__main__":
    main()
