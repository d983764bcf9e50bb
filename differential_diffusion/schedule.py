"""The schedule of one run, and the step of it at which each cell is released.

A schedule is counted by *remaining steps*, the way img2img counts: `t_enc = int(min(strength, 0.999) * steps)` is
where a plain run of that strength starts. A cell's `t_enc` is therefore all that has to be known about it: it is
pinned while the run is above that place and free from there on (paper, Algorithms 1 and 2: nested masks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FREE = np.iinfo(np.int32).max
"""`t_enc` of a cell that is free from the first model call on: no step of the run is above it."""
NEVER = np.iinfo(np.int32).min
"""`t_enc` of a cell that is kept: no step of any run reaches it."""

STRENGTH_DECIMALS = 6
"""Strengths are rounded to this, far below a step, so that the dust of float arithmetic cannot cost one."""

MAX_STRENGTH = 0.999
"""img2img treats every larger strength as this one."""


@dataclass(frozen=True)
class Schedule:
    """Where plain img2img of each strength would start, by its `t_enc`: `idle` ... steps - 1.

    Attributes:
        steps: that were asked for; the full schedule, at strength 1, calls the model at `steps - idle` levels.
        t_enc: where this run starts, `0 <= t_enc < steps`.
        idle: the `t_enc` of every run's last step: 0 for most schedules of k-diffusion samplers, which have as many
            levels as steps. Below 0 where a schedule type has more (the WebUIs' "DDIM" has up to 4 more), above 0
            where it has fewer, and for the samplers on timesteps (2 for DDIM and PLMS, 1 for UniPC).
        call_levels: level (sigma or timestep) of the first model call of a run that starts at `t_enc`, from `idle` on.
            Most schedules rise strictly; some do not.
        start_levels: level to which such a run noises its first state, from `idle` on. Differs from `call_levels` for
            the timestep samplers of the WebUI, which noise one level higher than they first call the model.
    """

    steps: int
    t_enc: int
    idle: int
    call_levels: tuple[float, ...]
    start_levels: tuple[float, ...]

    @classmethod
    def from_sigmas(cls, sigmas: Sequence[float], steps: int, t_enc: int) -> Schedule:
        """For k-diffusion samplers, which run along `sigmas[steps - t_enc - 1:]`.

        Args:
            sigmas: the levels from the highest on; at the last, mostly 0, the model is never called.
        """
        rising = tuple(float(sigma) for sigma in sigmas[-2::-1])
        return cls(steps, t_enc, steps + 1 - len(sigmas), rising, rising)

    @classmethod
    def from_timesteps(cls, timesteps: Sequence[float], steps: int, t_enc: int, idle: int) -> Schedule:
        """For samplers on timesteps. `timesteps`: at least `steps` rising values. `idle`: at least 1."""
        values = tuple(float(t) for t in timesteps[:steps])
        return cls(steps, t_enc, idle, values[idle - 1 : -1], values[idle:])

    def start_level(self, t_enc: int) -> float | None:
        """The level to which plain img2img from `t_enc` on noises its first state, if not that of its first call."""
        place = t_enc - self.idle
        if place < 0 or self.start_levels[place] == self.call_levels[place]:
            return None
        return self.start_levels[place]

    def tells_steps_apart(self, tolerance: float) -> bool:
        """Whether each level lies above the one before, by more than a relative `tolerance`."""
        return all(low < high * (1 - tolerance) for low, high in zip(self.call_levels, self.call_levels[1:]))

    def t_enc_of(self, strength: np.ndarray | float) -> np.ndarray:
        """Where plain img2img of `strength` (0..1, any shape) starts: int(min(strength, 0.999) * steps), no earlier
        than this run itself."""
        return np.minimum((np.minimum(strength, MAX_STRENGTH) * self.steps).astype(np.int64), self.t_enc)

    def free_steps(self, strength: np.ndarray | float) -> np.ndarray:
        """Steps that a cell of `strength` (0..1) is denoised for; 0 where strength is 0."""
        strength = np.asarray(strength, dtype=np.float64)
        return np.where(strength > 0, np.maximum(self.t_enc_of(strength) + 1 - self.idle, 0), 0)

    def release_map(self, strength: np.ndarray) -> np.ndarray:
        """The step at which each cell is released: int32, the shape of `strength` (0..1).

        `NEVER` where no step is left for the cell, `FREE` where it starts with the run itself, else its `t_enc`.
        """
        t_enc = self.t_enc_of(strength)
        release = np.where(t_enc >= self.t_enc, FREE, t_enc)
        return np.where(self.free_steps(strength) > 0, release, NEVER).astype(np.int32)


def snap(strength: np.ndarray) -> np.ndarray:
    """Round strengths (0..1, to float64) to `STRENGTH_DECIMALS`; what was above 0 stays above 0."""
    rounded = np.round(np.asarray(strength, dtype=np.float64), STRENGTH_DECIMALS)
    return np.where(strength > 0, np.maximum(rounded, 10.0**-STRENGTH_DECIMALS), 0.0)
