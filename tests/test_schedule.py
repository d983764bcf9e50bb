import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_types import SCHEDULE_TYPES

from differential_diffusion.schedule import FREE, NEVER, Schedule, snap


def k_diffusion(steps: int, strength: float) -> Schedule:
    sigmas = [*np.geomspace(14.6, 0.03, steps), 0.0]
    return Schedule.from_sigmas(sigmas, steps, int(min(strength, 0.999) * steps))


def on_timesteps(steps: int, strength: float, idle: int) -> Schedule:
    return Schedule.from_timesteps(range(1, 1000, 1000 // steps), steps, int(min(strength, 0.999) * steps), idle)


@given(st.integers(1, 150), st.floats(0.001, 1))
def test_a_plain_run_has_the_levels_that_the_webui_gives_it(steps, strength):
    sigmas = [*np.geomspace(14.6, 0.03, steps), 0.0]
    t_enc = int(min(strength, 0.999) * steps)
    sigma_sched = sigmas[steps - t_enc - 1 :]
    schedule = Schedule.from_sigmas(sigmas, steps, t_enc)
    assert schedule.call_levels[t_enc] == schedule.start_levels[t_enc] == sigma_sched[0]
    assert schedule.free_steps(strength) == len(sigma_sched) - 1


@given(st.integers(1, 150), st.floats(0.001, 1))
def test_ddim_noises_one_level_above_its_first_call(steps, strength):
    timesteps = list(range(1, 1000, 1000 // steps))
    schedule = on_timesteps(steps, strength, idle=2)
    t_enc = schedule.t_enc
    called = timesteps[:t_enc][1:]
    assert schedule.free_steps(strength) == len(called)
    if called:
        assert schedule.call_levels[t_enc - schedule.idle] == called[-1]
        assert schedule.start_level(t_enc) == timesteps[t_enc]


@pytest.mark.parametrize("kind", SCHEDULE_TYPES)
def test_every_schedule_type_at_every_number_of_steps(kind):
    """A plain run from `t_enc` on is `sigmas[steps - t_enc - 1:]`, whatever the length of `sigmas`."""
    for steps, discards in itertools.product(range(1, 61), (False, True)):
        sigmas = SCHEDULE_TYPES[kind](steps + discards)
        sigmas = [*sigmas[:-2], sigmas[-1]] if discards else sigmas
        cells = (np.arange(steps) + 0.5) / steps
        for t_enc in {steps - 1, steps // 2}:
            schedule = Schedule.from_sigmas(sigmas, steps, t_enc)
            calls = np.arange(len(sigmas[steps - t_enc - 1 :]) - 1)
            places = t_enc - calls
            for strength, release in zip(cells[: t_enc + 1], schedule.release_map(cells)):
                t = int(strength * steps)
                plain = sigmas[steps - t - 1 : -1]
                assert schedule.free_steps(strength) == len(plain) == (release >= places).sum(), (steps, t)
                assert not plain or schedule.call_levels[t - schedule.idle] == plain[0]
                assert not plain or schedule.start_level(t) is None


def test_which_schedules_tell_their_steps_apart():
    assert [kind for kind, levels in SCHEDULE_TYPES.items() if not tells_apart(levels(20))] == ["repeating", "rising"]


def tells_apart(sigmas) -> bool:
    return Schedule.from_sigmas(sigmas, 20, 10).tells_steps_apart(2e-4)


@given(st.integers(1, 100), st.floats(0.05, 1), st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_masks_nest(steps, strength, shares):
    schedule = k_diffusion(steps, strength)
    cells = np.array(shares) * strength
    release = schedule.release_map(cells)
    held = [release <= place for place in range(steps)]
    assert all((below <= above).all() for below, above in zip(held, held[1:]))
    assert (np.diff(release[np.argsort(cells)].astype(np.int64)) >= 0).all()


@given(st.integers(1, 100), st.floats(0.05, 1), st.floats(0, 1))
def test_a_cell_is_free_for_the_steps_of_its_plain_run(steps, strength, share):
    schedule = k_diffusion(steps, strength)
    s = share * strength
    release = int(schedule.release_map(np.array([s]))[0])
    free_calls = sum(release >= place for place in range(schedule.t_enc, -1, -1))
    assert free_calls == schedule.free_steps(s) == (min(int(min(s, 0.999) * steps), schedule.t_enc) + 1 if s > 0 else 0)


def test_ends_of_the_scale():
    schedule = k_diffusion(20, 0.5)
    assert schedule.release_map(np.array([0.0, 0.01, 0.5, 0.6])).tolist() == [NEVER, 0, FREE, FREE]
    ddim = on_timesteps(20, 0.5, idle=2)
    assert ddim.release_map(np.array([0.0, 0.05, 0.1, 0.5])).tolist() == [NEVER, NEVER, 2, FREE]
    idle = on_timesteps(20, 0.05, idle=2)
    assert idle.release_map(np.array([0.05])).tolist() == [NEVER]


def test_the_papers_count():
    """The reference implementation pins cell i while keep > i / T: floor(S * T) + 1 free steps, at most T."""
    steps = 50
    schedule = k_diffusion(steps, 1)
    for strength in (np.arange(100) + 0.5) / 100:
        pinned = sum(1 - strength > i / steps for i in range(steps))
        assert schedule.free_steps(strength) == min(steps - pinned + 1, steps)


class TestSnap:
    def test_dust_costs_no_step(self):
        assert int(float(snap(np.array(np.float32(0.7)))) * 20) == 14
        assert int(float(snap(np.array(0.75 * 0.99999994))) * 20) == 15

    @pytest.mark.parametrize("tiny", [1e-12, 4e-7, 1e-300])
    def test_zero_is_kept_apart_from_small(self, tiny):
        assert snap(np.array([0.0, tiny])).tolist() == [0.0, 1e-6]
