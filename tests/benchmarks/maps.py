"""Preparing maps: from an upload's text to the latent's cells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from report import table
from runs import as_setting

from differential_diffusion import change_map
from differential_diffusion.change_map import Extent, Polarity

SIDES = {1: 1024, 4: 2048, 16: 4096}
"""Sides of square maps, by their megapixels."""
SOFTNESSES = (0, 8, 64)
CELL = 8


def run(quick: bool) -> None:
    """Print times and peak memory, each measured in a process of its own."""
    rows = []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for megapixels, side in list(SIDES.items())[: 1 if quick else len(SIDES)]:
        text = as_setting(strokes(side))
        for softness in SOFTNESSES:
            command = [sys.executable, __file__, str(side), str(softness), "1" if quick else "5"]
            done = subprocess.run(command, check=True, input=text, stdout=subprocess.PIPE, text=True, env=environment)
            found = json.loads(done.stdout)
            rows.append([megapixels, softness, *(f"{found[key]:.0f}" for key in ("decode", "blur", "cells", "memory"))])
    print("Milliseconds, the shortest of several; a map of smooth brush strokes, for a picture of its own size.\n")
    print(
        table(
            ["megapixels", "softness, px", "decode", "blur", "to the latent", "peak memory beyond the map's text, MB"],
            rows,
        )
    )


def measure(text: str, side: int, softness: float, repeats: int) -> dict[str, float]:
    """Milliseconds of each step and megabytes at the peak."""
    before = _peak_memory()
    times = []
    for _ in range(repeats):
        marks = [time.perf_counter()]
        plane = change_map.from_grey(change_map.decode(text), Polarity.WHITE_CHANGES, Extent(side, side))
        marks.append(time.perf_counter())
        soft = change_map.soften(plane, softness)
        marks.append(time.perf_counter())
        change_map.to_cells(soft, Extent(side // CELL, side // CELL))
        marks.append(time.perf_counter())
        times.append(np.diff(marks) * 1000)
    shortest = np.min(times, axis=0)
    return dict(zip(("decode", "blur", "cells"), shortest.tolist())) | {"memory": _peak_memory() - before}


def strokes(side: int) -> np.ndarray:
    """A map (side, side) as someone might paint it."""
    ramp = np.linspace(0, 12, side, dtype=np.float32)
    return (np.sin(ramp)[:, None] * np.cos(ramp) * 2).clip(0, 1)


def _peak_memory() -> float:
    """The most memory that this process ever had, in megabytes; not a number where the system does not tell."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1000 if found else float("nan")


if __name__ == "__main__":
    print(json.dumps(measure(sys.stdin.read(), int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
