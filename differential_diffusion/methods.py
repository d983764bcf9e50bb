"""What the pin has to know of a sampler, by its function's name: the one table of it.

Nothing here is needed of a sampler that is not listed: its calls are placed by the level they pass, its history is
emptied by `pin.History`, and whether it steps from the tensor that it passes to the model shows in the run itself
(`session`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Countdown = Callable[[int, int], int]
"""(t_enc of the run, number of the model call from 0) -> t_enc at which the call stands."""


def one_call_a_step(t_enc: int, call: int) -> int:
    return t_enc - call


def two_calls_a_step(t_enc: int, call: int) -> int:
    """Second-order samplers: the second call of a step already stands at the next level."""
    return t_enc - (call + 1) // 2


def two_calls_in_the_first_step(t_enc: int, call: int) -> int:
    """PLMS starts with a step of the improved Euler method."""
    return t_enc - call + (call > 1)


@dataclass(frozen=True)
class Method:
    """One sampler.

    Attributes:
        countdown: how its calls count. Levels tell less: `s_churn` raises them inside a step, UniPC lays out its own,
            and a schedule may repeat one. None: each call is placed by the level that it passes.
        state_is_hidden: it does not step from the tensor that it passes to the model.
        corrects: what the model says at a level moves the state to that very level (and, a second time, to the next
            one): a cell's first own call is one later.
        keeps_two_outputs: and draws a line through the last two of them.
        idle: of a sampler on timesteps, see `Schedule.idle`.
        cannot: why no map can steer it; empty where one can.
        why_uneven: why a region can change by more or less than plain img2img at its strength; empty where it does not.
    """

    countdown: Countdown | None = None
    state_is_hidden: bool = False
    corrects: bool = False
    keeps_two_outputs: bool = False
    idle: int = 2
    cannot: str = ""
    why_uneven: str = ""


UNLISTED = Method()
OWN_STEPS = "this sampler lays out steps of its own, by where a run starts"
OTHER_STEPS = "this sampler makes some of its steps another way, counted from where a run starts"
LONG_MEMORY = "this sampler draws on more of its past than a region has that starts late"
RAISED_LEVELS = "this sampler raises the noise level before it steps"

METHODS = {
    **dict.fromkeys(
        [
            "sample_euler",
            "sample_euler_ancestral",
            "sample_lms",
            "sample_dpmpp_2m",
            "sample_dpmpp_2m_sde",
            "sample_res_multistep",
            "sample_lcm",
            "sample_ddpm",
            "sample_ipndm",
            "sample_ipndm_v",
            "sample_deis",
            "ddim",
            "ddim_cfgpp",
        ],
        Method(one_call_a_step),
    ),
    # these may raise the level by up to 41 % before each step; their calls at other sizes are not counted
    **dict.fromkeys(
        [
            "sample_euler_dy",
            "sample_euler_smea",
            "sample_euler_smea_dy",
            "sample_euler_negative",
            "sample_euler_dy_negative",
            "sample_euler_smea_dy_negative",
            "sample_euler_max",
            "sample_adaptive_progressive",
            "sample_euler_dy_cfg_pp",
            "sample_euler_dy_cfgpp",
            "sample_euler_smea_dy_cfgpp",
            "sample_euler_smea_dy_cfg_pp",
            "sample_euler_ancestral_dy_cfg_pp",
            "sample_dpmpp_2m_dy",
            "sample_dpmpp_2m_dy_cfg_pp",
        ],
        Method(one_call_a_step, why_uneven=OTHER_STEPS),
    ),
    **dict.fromkeys(
        ["sample_dpmpp_3m_dy", "sample_dpmpp_3m_sde_dy"],
        Method(one_call_a_step, keeps_two_outputs=True, why_uneven=OTHER_STEPS),
    ),
    **dict.fromkeys(
        ["sample_Kohaku_LoNyu_Yog", "sample_kohaku_lonyu_yog_cfg_pp", "seniorious"],
        Method(why_uneven=OTHER_STEPS),
    ),
    "sample_clyb_4m_sde_momentumized": Method(one_call_a_step, why_uneven=LONG_MEMORY),
    "sample_dpm_fast": Method(why_uneven=OWN_STEPS),
    "sample_dpm_adaptive": Method(why_uneven=OWN_STEPS),
    **dict.fromkeys(
        [
            "sample_heun",
            "sample_dpm_2",
            "sample_dpm_2_ancestral",
            "sample_dpmpp_2s_ancestral",
            "sample_dpmpp_2s_ancestral_cfg_pp_dyn",  # whose second call is at a higher level
            "sample_dpmpp_sde",
            "sample_res_solver",  # whose last call is at a level once more
        ],
        Method(two_calls_a_step),
    ),
    **dict.fromkeys(
        ["sample_dpmpp_3m_sde", "sample_dpmpp_3m_sde_cfg_pp"],
        Method(one_call_a_step, keeps_two_outputs=True),
    ),
    "plms": Method(two_calls_in_the_first_step),
    "unipc": Method(one_call_a_step, state_is_hidden=True, idle=1),
    # these pass a predicted state to the model and correct the one before it
    "sample_sa_solver": Method(one_call_a_step, state_is_hidden=True, corrects=True),
    "sample_sa_solver_pece": Method(state_is_hidden=True),
    # these choose their steps by what the whole picture needs: past a held part they step without looking
    **dict.fromkeys(
        [
            "sample_ode_bosh3",
            "sample_ode_fehlberg2",
            "sample_ode_adaptive_heun",
            "sample_ode_dopri5",
            "sample_ode_custom",
        ],
        Method(cannot="this sampler chooses its steps by what the whole picture needs"),
    ),
}
"""By the name of the sampler's function."""


def method_of(function: str) -> Method:
    """Args:
    function: the sampler's name in k-diffusion ("sample_euler") or, on timesteps, in the WebUI ("ddim").
    """
    return METHODS.get(function, UNLISTED)
