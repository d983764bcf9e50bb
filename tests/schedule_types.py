"""The kinds of schedules that the WebUIs' schedule types give, by what sets them apart: how many levels, and in which
order. `n` steps are asked for."""

import numpy as np

MODEL = np.geomspace(0.029, 14.6, 1000)
"""Stands for a model's own levels, rising."""


def usual(n: int) -> list[float]:
    return [*np.geomspace(14.6, 0.029, n), 0.0]


def ddim(n: int) -> list[float]:
    """ "DDIM" on every host: every (1000 // n)th level of the model from its second on, which are up to 4 too many."""
    return [*MODEL[1 :: 1000 // n][::-1], 0.0]


def not_to_zero(n: int) -> list[float]:
    """ "KL Optimal" ends at the model's lowest level."""
    return list(np.geomspace(14.6, 0.029, n + 1))


def one_too_few(n: int) -> list[float]:
    """reForge's "Sinusoidal SF" and its relatives add no zero at the end."""
    return list(np.geomspace(14.6, 0.029, n))


def repeating(n: int) -> list[float]:
    """reForge's "Laplace" keeps what lies beyond the model's levels at the outermost."""
    return [*np.geomspace(100, 0.001, n).clip(0.029, 14.6), 0.0]


def rising(n: int) -> list[float]:
    """reForge's "Cosine-exponential Blend" ends higher than it was."""
    falling = usual(n)
    return [*falling[: n // 2], *(4 * sigma for sigma in falling[n // 2 :])]


SCHEDULE_TYPES = {
    "usual": usual,
    "DDIM": ddim,
    "not to zero": not_to_zero,
    "one too few": one_too_few,
    "repeating": repeating,
    "rising": rising,
}
