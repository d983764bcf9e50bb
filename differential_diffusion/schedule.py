"""The schedule of one run, and the step of it at which each cell is released.

A schedule is counted by *remaining steps*, the way img2img counts: `t_enc = int(min(strength, 0.999) * steps)` is
where a plain run of that strength starts. A cell's `t_enc` is therefore all that has to be known about it: it is
pinned while the run is above that place and free from there on (paper, Algorithms 1 and 2: nested masks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NEVER = -1
"""`t_enc` of a cell that is kept: no step of any run reaches it."""
FREE = np.iinfo(np.int32).max
"""`t_enc` of a cell that is free from the first model call on: no step of the run is above it."""

STRENGTH_DECIMALS = 6
"""Strengths are rounded to this, far below a step, so that the dust of float arithmetic cannot cost one."""

MAX_STRENGTH = 0.999
"""img2img treats every larger strength as this one."""


@dataclass(frozen=True)
class Schedule:
    """Where plain img2img of each strength would start, indexed by its `t_enc` (0 ... steps - 1).

    Attributes:
        steps: length of the full schedule, at strength 1.
        t_enc: where this run starts, `0 <= t_enc < steps`.
        call_levels: level (sigma or timestep) of the first model call of a run that starts at `t_enc`; rising.
        start_levels: level to which such a run noises its first state. Differs from `call_levels` for the timestep
            samplers of the WebUI, which noise one level higher than they first call the model.
        idle: how many of the `t_enc + 1` levels such a run never denoises (0 for k-diffusion, 2 for DDIM and PLMS,
            1 for UniPC).
    """

    steps: int
    t_enc: int
    call_levels: tuple[float, ...]
    start_levels: tuple[float, ...]
    idle: int

    @classmethod
    def from_sigmas(cls, sigmas: Sequence[float], steps: int, t_enc: int) -> Schedule:
        """For k-diffusion samplers. `sigmas`: `steps + 1` falling values, the last one 0."""
        rising = tuple(float(s) for s in sigmas[steps - 1 :: -1])
        return cls(steps, t_enc, rising, rising, idle=0)

    @classmethod
    def from_timesteps(cls, timesteps: Sequence[float], steps: int, t_enc: int, idle: int) -> Schedule:
        """For samplers on timesteps. `timesteps`: at least `steps` rising values."""
        values = tuple(float(t) for t in timesteps[:steps])
        return cls(steps, t_enc, (values[0], *values[:-1]), values, idle)

    def t_enc_of(self, strength: np.ndarray | float) -> np.ndarray:
        """Where plain img2img of `strength` (0..1, any shape) starts: int(min(strength, 0.999) * steps), no later
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


Countdown = Callable[[int, int], int]
"""(t_enc of the run, number of the model call from 0) -> t_enc at which the call stands."""


def one_call_a_step(t_enc: int, call: int) -> int:
    return t_enc - call


def two_calls_a_step(t_enc: int, call: int) -> int:
    """Heun and DPM2: the second call of a step already stands at the next level."""
    return t_enc - (call + 1) // 2


def two_calls_in_the_first_step(t_enc: int, call: int) -> int:
    """PLMS starts with a step of the improved Euler method."""
    return t_enc - call + (call > 1)


COUNTDOWNS: dict[str, Countdown] = {
    "sample_euler": one_call_a_step,
    "sample_heun": two_calls_a_step,
    "sample_dpm_2": two_calls_a_step,
    "ddim": one_call_a_step,
    "ddim_cfgpp": one_call_a_step,
    "plms": two_calls_in_the_first_step,
    "unipc": one_call_a_step,
}
"""Samplers whose level does not tell the step: those that raise sigma inside a step (`s_churn`), and those on
timesteps, where UniPC lays out levels of its own. All others are placed by the level they pass."""


def snap(strength: np.ndarray) -> np.ndarray:
    """Round strengths (0..1, to float64) to `STRENGTH_DECIMALS`; what was above 0 stays above 0."""
    rounded = np.round(np.asarray(strength, dtype=np.float64), STRENGTH_DECIMALS)
    return np.where(strength > 0, np.maximum(rounded, 10.0**-STRENGTH_DECIMALS), 0.0)
