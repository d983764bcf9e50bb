"""Strength fan: one run of K strengths against K runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from report import table
from runs import SIZE, Host, demo_model, held_out

from differential_diffusion.fan import spaced


def run(quick: bool) -> None:
    """Print model calls and times of a fan and of its strengths' own runs."""
    host = Host(demo_model())
    counts, steps = ((2, 10), 10) if quick else (tuple(range(2, 11)), 20)
    picture = held_out(0, 1)
    host.edit(picture, steps=1)  # what is made on first use
    rows = []
    for count in counts:
        strengths = spaced(count, 0.2, 1.0)
        effect = {"source": "fan", "fan_strengths": list(strengths)}
        fan = _measured(host, [partial(host.edit, picture, effect, steps=steps)])
        runs = _measured(host, [partial(host.edit, picture, denoising_strength=s, steps=steps) for s in strengths])
        rows.append([count, fan[0], runs[0], f"{runs[0] / fan[0]:.1f}", f"{runs[1] / fan[1]:.1f}"])
    print(f"Strengths from 0.2 to 1, one picture of {SIZE} px, {steps} steps of DPM++ 2M.\n")
    print(table(["K", "model calls, fan", "model calls, K runs", "calls, ratio", "time, ratio"], rows))


def _measured(host: Host, runs: Sequence[Callable[[], object]]) -> tuple[int, float]:
    """Model calls and seconds of some runs."""
    host.calls = 0
    start = time.perf_counter()
    for run_once in runs:
        run_once()
    return host.calls, time.perf_counter() - start
