"""Skipping: levels above the strongest cell are never computed."""

from __future__ import annotations

import time

import numpy as np
from report import table
from runs import SIZE, Host, as_setting, demo_model, held_out

PAPER_SAVED = {0.5: 49.7, 0.7: 69.4, 0.8: 79.2, 0.9: 88.9}
"""Share of time saved in per cent, by the map's minimum: the figures of the paper's Table 4 (100 steps) that could be
had, through a public summary of it."""


def run(quick: bool) -> None:
    """Print the shares of model calls and of time saved."""
    host = Host(demo_model())
    steps, minima = (20, (0.5, 0.9)) if quick else (100, tuple(tenths / 10 for tenths in range(1, 10)))
    picture = held_out(0, 1)
    host.edit(picture, steps=1)  # what is made on first use
    whole_calls, whole_time = _measured(host, picture, 0.0, steps)
    rows = []
    for minimum in minima:
        calls, seconds = _measured(host, picture, minimum, steps)
        published = f"{PAPER_SAVED[minimum]} %" if minimum in PAPER_SAVED else ""
        rows.append(
            [
                minimum,
                calls,
                f"{100 * (1 - calls / whole_calls):.1f} %",
                f"{100 * (1 - seconds / whole_time):.1f} %",
                published,
            ]
        )
    print(
        "The minimum is the paper's: white keeps, so at 0.9 no pixel changes with more than a tenth of the strength. "
        f"One picture of {SIZE} px, {steps} steps of Euler, the whole run from map to picture; without a minimum "
        f"{whole_calls} calls.\n"
    )
    print(table(["minimum of the map", "model calls", "calls saved", "time saved", "time saved in the paper"], rows))


def _measured(host: Host, picture: np.ndarray, minimum: float, steps: int) -> tuple[int, float]:
    """Model calls and seconds of a run whose map rises to 1 from the given minimum, white keeping."""
    keeps = np.tile(np.linspace(minimum, 1, SIZE, dtype=np.float32), (SIZE, 1))
    keeps[:, : SIZE // 8] = minimum
    host.calls = 0
    start = time.perf_counter()
    host.edit(
        picture,
        {"map": as_setting(keeps), "polarity": "white keeps"},
        steps=steps,
        sampler_name="Euler",
        denoising_strength=1.0,
    )
    return host.calls, time.perf_counter() - start
