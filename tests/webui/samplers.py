"""The samplers of the WebUIs of this family, and how exactly a region can come out as its own plain run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROUNDING = 2e-5
"""In standard deviations of the latents; the largest rounding difference met is 1.1e-5, with one of reForge's schedule
types (React Cosinusoidal DynSF)."""
FLOW_ROUNDING = 1e-4
"""The same of a flow model: 4.4e-5 with Stable Diffusion 3 on Forge ("DDIM", 59 steps of DPM++ 2M), where the same
levels in double precision give 2e-15."""


@dataclass(frozen=True)
class Sampler:
    """What is known of one sampler.

    Attributes:
        difference: between a region and its plain run, in standard deviations of the latents, at most; None where
            the two can only be equal in distribution.
        why: it is more than rounding.
        options: of the request that make it so.
        has_schedule: whether the schedule type counts.
        own_grid: it lays out levels of its own, which depend on where a run starts.
        is_uneven: the page says that a region may change by more or less than plain img2img at its strength.
        is_refused: no map with more than one strength can steer it, and the page says so.
        for_flow: it makes noise of any model that is no flow model.
    """

    name: str
    difference: float | None = ROUNDING
    why: str = ""
    options: tuple[tuple[str, float], ...] = ()
    has_schedule: bool = True
    own_grid: bool = False
    is_uneven: bool = False
    is_refused: bool = False
    for_flow: bool = False

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{name} {value:g}" for name, value in self.options)])


def named(names: str, *facts: Any, **more: Any) -> list[Sampler]:
    """One method under several names, with commas between them."""
    return [Sampler(name.strip(), *facts, **more) for name in names.split(",")]


DRAWS = "its noise is drawn in the order of the steps, and a shorter run draws less"
SLOPES = "its history of slopes is out of reach: a released cell starts with those of the pinned picture"
UNGUIDED = "its history is of the unguided output, which is out of reach"
OWN_LEVELS = "its levels depend on where a run starts"
OTHER_STEPS = "it makes some of its steps another way, counted from where a run starts"

# Bounds above ROUNDING are about twice what was measured, at 16 steps, strength 0.8 and regions of 60 % and 30 % of it.
SAMPLERS = [
    *named(
        "Euler, Euler Comfy, Euler SGMUniform, Heun, Heun Comfy, DPM2, DPM2 Karras, Restart, Custom Sampler, RES Solver"
    ),
    *named("DPM++ SDE, DPM++ SDE Karras"),
    *named("DPM++ 2M, DPM++ 2M Karras, DPM++ 2M Comfy, DPM++ 2M Turbo, DPM++ 2M SGMUniform"),
    *named("DPM++ 2M SDE, DPM++ 2M SDE Karras, DPM++ 2M SDE Exponential"),
    *named("DPM++ 2M SDE Heun, DPM++ 2M SDE Heun Karras, DPM++ 2M SDE Heun Exponential"),
    *named("DPM++ 3M SDE, DPM++ 3M SDE Karras, DPM++ 3M SDE Exponential"),
    *named("DDIM, DDIM CFG++", has_schedule=False),
    *named("Euler CFG++, Res Multistep, RES Multistep"),
    *named("EXP Heun 2 x0, Refined Exponential Solver, SSPRK3, Euler Multipass, Euler Multipass CFG++"),
    *named("RES4LYF res_2s ODE, RES4LYF res_3s ODE, RES4LYF res_5s ODE, RES4LYF res_6s ODE"),
    *named(
        "Euler a, Euler A2, Euler A Comfy, Euler A Turbo, Euler A SGMUniform, Euler a CFG++, Euler Ancestral CFG++",
        None,
        DRAWS,
    ),
    *named("DPM2 a, DPM2 a Karras, DPM++ 2S a, DPM++ 2S a Karras", None, DRAWS),
    *named("DPM++ 2S Ancestral Comfy, DPM++ 2S Ancestral CFG++, DPM++ 2S Ancestral CFG++ Dyn", None, DRAWS),
    *named(
        "DPM++ SDE Classic, DPM++ SDE Comfy, DPM++ 2M SDE Comfy, DPM++ 2M SDE Turbo, DPM++ 2M SDE SGMUniform",
        None,
        DRAWS,
    ),
    *named("DPM++ 3M SDE Comfy, DPM++ SDE CFG++, DPM++ 3M SDE CFG++", None, DRAWS),
    *named(
        "LCM, LCM Karras, DDPM, DDPM Karras, ER SDE, SEEDS 2 DP, SEEDS 3 DP, SA-Solver, SA-Solver-Pece", None, DRAWS
    ),
    *named("SEEDS 2, SEEDS-2, SEEDS 3, SEEDS-3, SA Solver, SA Solver PECE, EXP Heun 2 x0 SDE", None, DRAWS),
    *named("RES Multistep Ancestral, Res Multistep Ancestral, Res Multistep A", None, DRAWS),
    *named("RES Multistep Ancestral CFG++, Res Multistep Ancestral CFG++, Res Multistep A CFG++", None, DRAWS),
    *named("Heun Ancestral, Langevin Euler, Euler a Multipass, Euler a Multipass CFG++", None, DRAWS),
    *named("RES4LYF res_2m, RES4LYF res_3m, RES4LYF res_2s", None, DRAWS),
    *named("RES4LYF res_3s, RES4LYF res_5s, RES4LYF res_6s", None, DRAWS),
    *named("Euler A Comfy RF, DPM++ 2S Ancestral Comfy RF, DPM++ 2s a RF", None, DRAWS, for_flow=True),
    *named("LMS, LMS Karras", 7e-2, SLOPES),
    *named("IPNDM, DEIS", 3.5e-2, SLOPES),
    Sampler("IPNDM_V", 1e-1, SLOPES),
    *named("Gradient Estimation, Gradient Estimation CFG++", 6e-2, SLOPES),
    *named("RES4LYF res_2m ODE, RES4LYF res_3m ODE", 3e-1, "a run begins with steps of several calls"),
    Sampler("SA-Solver Stable", 1.5e-2, SLOPES),
    *named("DPM++ 2M CFG++, RES Multistep CFG++, Res Multistep CFG++", 3e-1, UNGUIDED),
    Sampler("PLMS", 1.5e-2, "it starts with another method than it goes on with", has_schedule=False),
    Sampler("HeunPP2", 4e-2, "its weights depend on the level at which a run starts"),
    Sampler("UniPC", 8e-1, OWN_LEVELS, has_schedule=False, own_grid=True),
    *named("DPM fast", 8.0, OWN_LEVELS, own_grid=True, is_uneven=True),
    *named("DPM adaptive", 8.0, "one step size serves the whole picture", own_grid=True, is_uneven=True),
    *named("Kohaku LoNyu Yog, Kohaku_LoNyu_Yog", None, OTHER_STEPS, is_uneven=True),
    *named("Euler Dy, Euler SMEA Dy, Euler Negative, Euler Negative Dy", None, OTHER_STEPS, is_uneven=True),
    *named("Euler Max, Euler SMEA, Euler Dy Negative, Euler SMEA Dy Negative", None, OTHER_STEPS, is_uneven=True),
    *named("Euler_Max, Euler_Smea, Euler_Dy, Euler_Smea_Dy", None, OTHER_STEPS, is_uneven=True),
    *named("Euler_Negative, Euler_Dy_Negative, Adaptive Progressive", None, OTHER_STEPS, is_uneven=True),
    *named("Euler Dy CFG++, Euler SMEA Dy CFG++", None, OTHER_STEPS, is_uneven=True),
    Sampler("DPM++ 4M SDE", None, "its history is longer than the one that a released cell is given", is_uneven=True),
    *named("Euler DY CFG++, Euler SMEA DY CFG++, Euler A DY CFG++", None, OTHER_STEPS, is_uneven=True),
    *named("DPM++ 2M DY CFG++, DPM++ 2M DY, DPM++ 3M DY, DPM++ 3M SDE DY", None, OTHER_STEPS, is_uneven=True),
    *named("ODE (Bosh3), ODE (Fehlberg2), ODE (Adaptive Heun), ODE (Dopri5), ODE Custom", is_refused=True),
    Sampler("DPM++ 2S Ancestral CFG++ Intern", is_refused=True),
]

VARIANTS = [
    *(named("Euler a, DPM2 a, DPM++ 2S a", options=(("eta", 0.0),))),
    Sampler("DDIM", None, DRAWS, options=(("eta", 1.0),), has_schedule=False),
    *(
        Sampler(name, None, DRAWS, options=(("s_churn", churn),))
        for name in ("Euler", "Heun", "DPM2")
        for churn in (2.0, 100.0)
    ),
]
"""The same with options that change the kind of noise."""

KNOWN = {sampler.name: sampler for sampler in SAMPLERS}
