"""The pin on samplers written down here from their papers, with a denoiser that looks at each cell alone.

Without spatial coupling a region knows nothing of its neighbours, so it must come out as its own plain img2img run.
"""

import math

import numpy as np
import pytest
import torch
from schedule_types import SCHEDULE_TYPES

from differential_diffusion.methods import method_of
from differential_diffusion.pin import History, Pin, laid_over, variance_exploding, variance_preserving
from differential_diffusion.schedule import FREE, NEVER, Schedule
from differential_diffusion.session import SamplingSession
from differential_diffusion.settings import Refused

STEPS = 20
GENERATOR = torch.Generator().manual_seed(1)
ORIGINAL = torch.randn(2, 4, 4, 8, generator=GENERATOR)
NOISE = torch.randn(2, 4, 4, 8, generator=GENERATOR)
SIGMAS = torch.tensor([*np.geomspace(14.6, 0.03, STEPS), 0.0], dtype=torch.float32)
TIMESTEPS = torch.arange(0, 1000, 1000 // STEPS) + 1
ALPHAS = torch.linspace(0.9999, 0.95, 1000).cumprod(0)
STRENGTHS = (0.0, 0.23, 0.5, 0.8)


class PointwiseDenoiser(torch.nn.Module):
    """A nonlinear function of each value alone."""

    def __init__(self):
        super().__init__()
        self.levels = []
        self.fail_at = None

    def forward(self, x, level):
        if self.fail_at == len(self.levels):
            raise KeyboardInterrupt
        self.levels.append(float(level[0]))
        return torch.tanh(1.7 * x / (1 + level.view(-1, 1, 1, 1))) * 0.8 + 0.1 * torch.sin(3 * x)


def levels_of(sigma, x):
    return sigma * x.new_ones(len(x))


def euler(model, x, sigmas, churn=0.0):
    """Karras et al. 2022, Algorithm 2 without its second-order correction."""
    for sigma, following in zip(sigmas, sigmas[1:]):
        raised = sigma * (1 + churn)
        x = x + torch.ones_like(x) * (raised**2 - sigma**2) ** 0.5
        x = x + (x - model(x, levels_of(raised, x))) / raised * (following - raised)
    return x


def heun(model, x, sigmas, churn=0.0):
    """Karras et al. 2022, Algorithm 2."""
    for sigma, following in zip(sigmas, sigmas[1:]):
        raised = sigma * (1 + churn)
        x = x + torch.ones_like(x) * (raised**2 - sigma**2) ** 0.5
        slope = (x - model(x, levels_of(raised, x))) / raised
        there = x + slope * (following - raised)
        if following > 0:
            slope = (slope + (there - model(there, levels_of(following, x))) / following) / 2
        x = x + slope * (following - raised)
    return x


def dpmpp_2m(model, x, sigmas):
    """Lu et al. 2022 (DPM-Solver++), Algorithm 2."""
    before, h_before = None, None
    for sigma, following in zip(sigmas, sigmas[1:]):
        denoised = model(x, levels_of(sigma, x))
        if following == 0:
            return denoised
        h = (sigma / following).log()
        d = denoised if before is None else denoised + (denoised - before) * h / (2 * h_before)
        x = following / sigma * x - (-h).expm1() * d
        before, h_before = denoised, h
    return x


def scaled_euler(model, x, sigmas):
    """Euler's method for a state of unit variance, x / sqrt(sigma^2 + 1): the model gets a tensor made for it."""
    state = x / (sigmas[0] ** 2 + 1) ** 0.5
    for sigma, following in zip(sigmas, sigmas[1:]):
        shown = state * (sigma**2 + 1) ** 0.5
        slope = (shown - model(shown * 1, levels_of(sigma, x))) / sigma
        state = (state * (sigma**2 + 1) ** 0.5 + slope * (following - sigma)) / (following**2 + 1) ** 0.5
    return state


def hidden_stages(model, x, sigmas, share=0.5):
    """A second-order exponential integrator with its second call within the step, or at its end (Zhang & Chen 2023,
    Algorithm 1). The model gets copies; the state is none of them (RES4LYF)."""
    for sigma, following in zip(sigmas, sigmas[1:]):
        denoised = model(x.clone(), levels_of(sigma, x))
        if following == 0:
            return denoised
        h = (sigma / following).log()
        between = sigma * (-share * h).exp() if share < 1 else following
        there = (between / sigma) * x + (1 - between / sigma) * denoised
        later = model(there.clone(), levels_of(between, x))
        weight = (1 - (1 - (-h).exp()) / h) / share
        x = (-h).exp() * x + (1 - (-h).exp() - weight) * denoised + weight * later
    return x


def hidden_heun(model, x, sigmas):
    return hidden_stages(model, x, sigmas, share=1)


def hidden_euler(model, x, sigmas, churn=0.0):
    for sigma, following in zip(sigmas, sigmas[1:]):
        raised = sigma * (1 + churn)
        x = x + torch.ones_like(x) * (raised**2 - sigma**2) ** 0.5
        x = x + (x - model(x.clone(), levels_of(raised, x))) / raised * (following - raised)
    return x


def hidden_euler_after_a_longer_step(model, x, sigmas):
    """As a multistep method that makes its first step by stages (RES4LYF's res_3m)."""
    return hidden_euler(model, hidden_heun(model, x, sigmas[:2]), sigmas[1:])


def corrected_euler(model, x, sigmas):
    """The model sees a predicted state; the state itself goes on from the one before, as in SA-Solver."""
    before, denoised_before, sigma_before = x, None, None
    shown = x
    for sigma, following in zip(sigmas, sigmas[1:]):
        denoised = model(shown, levels_of(sigma, x))
        if denoised_before is not None:
            mean = (denoised + denoised_before) / 2
            before = mean + (before - mean) * sigma / sigma_before
        shown = denoised + (before - denoised) * following / sigma
        denoised_before, sigma_before = denoised, sigma
    return shown


def second_order_exponential(model, x, sigmas):
    """Zhang & Chen 2023, a multistep integrator that keeps what the model gave back (Res Multistep)."""
    before, h_before = None, None
    for sigma, following in zip(sigmas, sigmas[1:]):
        denoised = model(x, levels_of(sigma, x))
        if following == 0:
            return denoised
        h = (sigma / following).log()
        weight = (1 - (1 - (-h).exp()) / h) * h / h_before if before is not None else 0
        x = (-h).exp() * x + (1 - (-h).exp()) * denoised + (weight * (denoised - before) if before is not None else 0)
        before, h_before = denoised, h
    return x


def euler_with_asides(model, x, sigmas):
    """Asks the model about a part of the state, too (Euler Dy)."""
    for sigma, following in zip(sigmas, sigmas[1:]):
        slope = (x - model(x, levels_of(sigma, x))) / sigma
        part = x[..., 1::2, 1::2]
        x = x.clone()
        x[..., 1::2, 1::2] += (part - model(part, levels_of(sigma, x))) / sigma * (following - sigma) / 9
        x = x + slope * (following - sigma)
    return x


def mirrored_heun(model, x, sigmas):
    """Asks the model about the negative of its state, too (Kohaku LoNyu Yog)."""
    for sigma, following in zip(sigmas, sigmas[1:]):
        slope = (x - model(x, levels_of(sigma, x))) / sigma
        mirrored = -x
        other = (mirrored - model(mirrored, levels_of(sigma, x))) / sigma
        x = x + (slope * 1.1 + other * 0.1) * (following - sigma)
    return x


def seeded_midpoint(model, x, sigmas):
    """Takes the seed of its noise from the state that it begins with, and ends with a call at the level of its last
    step (Refined Exponential Solver)."""
    assert 0 <= int(x[0, 0, 0, 0].item() * 1234567890) % 65536 < 65536
    for sigma, following in zip(sigmas[:-1], sigmas[1:-1]):
        between = (sigma * following).sqrt()
        there = x + (x - model(x, levels_of(sigma, x))) / sigma * (between - sigma)
        x = x + (there - model(there, levels_of(between, x))) / between * (following - sigma)
    return model(x, levels_of(sigma, x))


def ddim(model, x, timesteps):
    """Song et al. 2021, equation 12 with sigma = 0; here the model predicts the noise."""
    for t, following in zip(timesteps.flip(0), timesteps.flip(0)[1:]):
        eps = model(x, levels_of(t.float(), x))
        original = (x - (1 - ALPHAS[t]).sqrt() * eps) / ALPHAS[t].sqrt()
        x = ALPHAS[following].sqrt() * original + (1 - ALPHAS[following]).sqrt() * eps
    return x


def noised_by_sigma(level):
    return variance_exploding(ORIGINAL, NOISE, level)


def noised_by_timestep(level):
    return variance_preserving(ORIGINAL, NOISE, level, ALPHAS)


class OnSigmas:
    def __init__(self, sampler, name, sigmas=SIGMAS, steps=STEPS):
        self.sampler, self.name, self.noised, self.sigmas, self.steps = sampler, name, noised_by_sigma, sigmas, steps

    def schedule(self, t_enc):
        return Schedule.from_sigmas(self.sigmas.tolist(), self.steps, t_enc)

    def first_state(self, t_enc):
        return ORIGINAL + NOISE * self.sigmas[self.steps - t_enc - 1]

    def sample(self, model, x, t_enc, **options):
        return self.sampler(model, x, self.sigmas[self.steps - t_enc - 1 :], **options)

    def __call__(self, model, t_enc, **options):
        return self.sample(model, self.first_state(t_enc), t_enc, **options)


class OnTimesteps:
    steps = STEPS
    name, noised = "ddim", staticmethod(noised_by_timestep)

    def schedule(self, t_enc):
        return Schedule.from_timesteps(TIMESTEPS.tolist(), STEPS, t_enc, idle=2)

    def first_state(self, t_enc):
        alpha = ALPHAS[TIMESTEPS[t_enc]]
        return ORIGINAL * alpha.sqrt() + NOISE * (1 - alpha).sqrt()

    def sample(self, model, x, t_enc):
        return ddim(model, x, TIMESTEPS[:t_enc])

    def __call__(self, model, t_enc):
        return self.sample(model, self.first_state(t_enc), t_enc)


RUNS = {
    "Euler": (OnSigmas(euler, "sample_euler"), 0),
    "Euler, placed by its levels": (OnSigmas(euler, "sample_unheard_of"), 0),
    "Heun": (OnSigmas(heun, "sample_heun"), 0),
    "Heun, placed by its levels": (OnSigmas(heun, "sample_unheard_of"), 0),
    "DPM++ 2M": (OnSigmas(dpmpp_2m, "sample_dpmpp_2m"), 1e-5),
    "DDIM": (OnTimesteps(), 0),
    "a multistep sampler unheard of": (OnSigmas(second_order_exponential, "sample_unheard_of"), 1e-5),
    "a state of another scale": (OnSigmas(scaled_euler, "sample_unheard_of"), 1e-5),
    "a hidden state, stages within the step": (OnSigmas(hidden_stages, "sample_unheard_of"), 1e-5),
    "a hidden state, stages at its end": (OnSigmas(hidden_heun, "sample_unheard_of"), 1e-5),
    "a seed from the state": (OnSigmas(seeded_midpoint, "sample_unheard_of"), 0),
    "asides at another size": (OnSigmas(euler_with_asides, "sample_unheard_of"), 0),
    "asides about the negative": (OnSigmas(mirrored_heun, "sample_unheard_of"), 1e-6),
}


def t_enc_of(strength, steps=STEPS):
    return int(min(strength, 0.999) * steps)


def strengths_of_columns(*strengths):
    return np.repeat(np.repeat(strengths, 8 // len(strengths))[None], 4, axis=0).astype(np.float64)


def session_for(run, model, cells):
    schedule = run.schedule(t_enc_of(cells.max(), run.steps))
    certain = NOISE if isinstance(run, OnTimesteps) else ORIGINAL
    return SamplingSession(model, method_of(run.name), schedule, cells, ORIGINAL, NOISE, run.noised, certain)


def pinned(run, cells, model=None, **options):
    model = model or PointwiseDenoiser()
    session, t_enc = session_for(run, model, cells), t_enc_of(cells.max(), run.steps)
    samples = session.sample(lambda x: run.sample(model, x, t_enc, **options), run.first_state(t_enc))
    return session.finish(samples), model


@pytest.mark.parametrize("name", RUNS)
def test_every_region_comes_out_as_its_plain_run(name):
    run, tolerance = RUNS[name]
    cells = strengths_of_columns(*STRENGTHS)
    result, model = pinned(run, cells)
    alone = PointwiseDenoiser()
    strongest = run(alone, t_enc_of(max(STRENGTHS)))
    assert model.levels[-len(alone.levels) :] == alone.levels
    assert len(model.levels) <= len(alone.levels) + 1, "one call finds out that a state is hidden"
    for strength in STRENGTHS:
        plain = ORIGINAL if strength == 0 else run(PointwiseDenoiser(), t_enc_of(strength))
        difference = (result - plain)[..., torch.from_numpy(cells[0] == strength)].abs().max()
        assert difference <= tolerance, strength
        if 0 < strength < max(STRENGTHS):
            assert (strongest - plain).abs().max() > 0.1, "the regions' plain runs must differ for this to say anything"


@pytest.mark.parametrize("name", RUNS)
def test_a_batch_with_a_map_for_each_picture_is_its_single_runs(name):
    run, tolerance = RUNS[name]
    maps = np.stack([strengths_of_columns(*STRENGTHS), strengths_of_columns(*STRENGTHS[::-1])])
    together, _ = pinned(run, maps)
    for index, cells in enumerate(maps):
        shared_by_all, _ = pinned(run, cells)
        assert (together - shared_by_all)[index].abs().max() <= tolerance
        assert (together - shared_by_all)[1 - index].abs().max() > 0.1


def test_a_picture_of_a_batch_whose_map_is_black_is_the_original():
    maps = np.stack([strengths_of_columns(0.8), strengths_of_columns(0.0)])
    result, _ = pinned(RUNS["DPM++ 2M"][0], maps)
    assert torch.equal(result[1], ORIGINAL[1])
    assert (result[0] - ORIGINAL[0]).abs().min() > 0


def test_strengths_of_pictures_of_a_model_for_video():
    cells = torch.from_numpy(np.arange(6.0).reshape(2, 1, 3))
    latent = torch.zeros(2, 4, 5, 1, 3)
    assert torch.equal((latent + laid_over(latent, cells.numpy()))[:, 1, 2], cells.float())


def test_a_sampler_that_chooses_its_steps_by_the_whole_picture_is_refused():
    with pytest.raises(Refused, match="so no map can steer it. Choose another sampler"):
        pinned(OnSigmas(euler, "sample_ode_dopri5"), strengths_of_columns(0.5, 0.8))
    pinned(OnSigmas(euler, "sample_ode_dopri5"), strengths_of_columns(0.8))


def test_calls_at_another_size_from_the_first_on_are_refused():
    def by_halves(model, x, sigmas):
        return torch.cat([euler(model, part, sigmas) for part in x.split(1)])

    with pytest.raises(Refused, match="set the batch size to 1"):
        pinned(OnSigmas(by_halves, "sample_unheard_of"), strengths_of_columns(0.5, 0.8))
    result, _ = pinned(OnSigmas(by_halves, "sample_unheard_of"), strengths_of_columns(0.8))
    assert torch.equal(result, OnSigmas(euler, "sample_euler")(PointwiseDenoiser(), t_enc_of(0.8)))


def test_a_uniform_map_is_taken_with_every_schedule_type():
    sigmas = torch.tensor(SCHEDULE_TYPES["repeating"](24), dtype=torch.float32)
    run = OnSigmas(euler, "sample_unheard_of", sigmas, 24)
    result, _ = pinned(run, strengths_of_columns(0.5))
    assert torch.equal(result, run(PointwiseDenoiser(), t_enc_of(0.5, 24)))


def test_a_corrected_state_changes_as_much_as_its_plain_run():
    """It is out of reach, so a region cannot be equal: here it changes 10 % less. Steered as if it were the tensor that
    the model sees, 39 % more changes; released one call earlier, 14 % more."""
    run = OnSigmas(corrected_euler, "sample_sa_solver")
    result, _ = pinned(run, strengths_of_columns(0.5, 0.8))
    plain = run(PointwiseDenoiser(), t_enc_of(0.5))
    ours, alone = ((latent - ORIGINAL)[..., :4].abs().mean().item() for latent in (result, plain))
    assert ours == pytest.approx(alone, rel=0.12)


@pytest.mark.parametrize("steps", [1, 7, 24, 59])
@pytest.mark.parametrize("kind", SCHEDULE_TYPES)
@pytest.mark.parametrize(
    ("sampler", "name", "tolerance"),
    [
        (euler, "sample_euler", 0),
        (heun, "sample_heun", 0),
        (dpmpp_2m, "sample_dpmpp_2m", 2e-5),
        (euler, "sample_unheard_of", 0),
    ],
)
def test_every_region_on_every_schedule_type(sampler, name, tolerance, kind, steps):
    run = OnSigmas(sampler, name, torch.tensor(SCHEDULE_TYPES[kind](steps), dtype=torch.float32), steps)
    cells = strengths_of_columns(0.0, 0.5 / steps, 0.55, 0.8)
    if name == "sample_unheard_of" and not run.schedule(steps - 1).tells_steps_apart(1e-4):
        with pytest.raises(Refused, match="Choose another schedule type or sampler"):
            pinned(run, cells)
        return
    result, _ = pinned(run, cells)
    for strength in np.unique(cells):
        t_enc = t_enc_of(strength, steps)
        plain = run(PointwiseDenoiser(), t_enc) if run.schedule(t_enc).free_steps(strength) else ORIGINAL
        if plain.isfinite().all():  # 2M divides by the length of a step
            difference = (result - plain)[..., torch.from_numpy(cells[0] == strength)].abs().max()
            assert difference <= tolerance, strength


@pytest.mark.parametrize("name", RUNS)
def test_a_uniform_map_never_pins(name):
    run, _ = RUNS[name]
    result, _ = pinned(run, np.full((4, 8), 0.5))
    assert torch.equal(result, run(PointwiseDenoiser(), t_enc_of(0.5)))


@pytest.mark.parametrize(
    "sampler",
    [(euler, "sample_euler"), (heun, "sample_heun"), (euler, "sample_dpmpp_2m_dy"), (euler, "sample_dpmpp_3m_dy")],
)
def test_churn_does_not_pin_a_released_cell_again(sampler):
    """Raised by 41 %, sigma reaches above earlier levels. Here the churn's noise is constant, so that a released
    region must come out as a plain run whose first state is pinned at the raised level."""
    run = OnSigmas(*sampler)
    result, _ = pinned(run, strengths_of_columns(0.5, 0.8), churn=0.41)
    raised = SIGMAS[STEPS - t_enc_of(0.5) - 1] * 1.41
    sigmas = SIGMAS[STEPS - t_enc_of(0.5) - 1 :]
    start = ORIGINAL + NOISE * raised - (raised**2 - sigmas[0] ** 2) ** 0.5
    plain = sampler[0](PointwiseDenoiser(), start, sigmas, churn=0.41)
    assert (result - plain)[..., :4].abs().max() < 1e-4


def test_stages_of_a_first_step_alone_are_not_looked_for_in_the_others():
    """A region's own steps are those of Euler's method, since the run has made its longer one before."""
    run = OnSigmas(hidden_euler_after_a_longer_step, "sample_unheard_of")
    result, _ = pinned(run, strengths_of_columns(0.1, 0.5, 0.8, 0.8))
    for strength, columns in ((0.1, np.s_[..., :2]), (0.5, np.s_[..., 2:4])):
        plain = OnSigmas(euler, "sample_euler")(PointwiseDenoiser(), t_enc_of(strength))
        assert (result - plain)[columns].abs().max() <= 1e-5


def test_a_last_call_at_an_earlier_level_pins_nothing_again():
    run = OnSigmas(seeded_midpoint, "sample_res_solver")
    result, _ = pinned(run, strengths_of_columns(0.05, 0.8))
    assert torch.equal(result[..., :4], run(PointwiseDenoiser(), t_enc_of(0.05))[..., :4])


def test_a_hidden_state_with_raised_levels_is_not_left_as_it_was():
    run = OnSigmas(hidden_euler, "sample_unheard_of")
    result, _ = pinned(run, strengths_of_columns(0.05, 0.8), churn=0.41)
    plain = run(PointwiseDenoiser(), t_enc_of(0.05), churn=0.41)
    ours, alone = ((latent - ORIGINAL)[..., :4].abs().mean().item() for latent in (result, plain))
    assert ours == pytest.approx(alone, rel=0.15)


@pytest.mark.parametrize(
    ("name", "churn", "said"),
    [
        ("sample_unheard_of", 0.41, "raises the noise level"),
        ("sample_unheard_of", 0.0, ""),
        ("sample_euler", 0.41, ""),
        ("sample_euler_dy", 0.41, "counted from where a run starts"),
    ],
)
def test_a_raised_level_that_misplaces_the_calls_is_said(name, churn, said):
    run = OnSigmas(euler, name)
    for cells, expected in ((strengths_of_columns(0.5, 0.8), said), (strengths_of_columns(0.8), "")):
        session = session_for(run, model := PointwiseDenoiser(), cells)
        session.sample(lambda x: run.sample(model, x, t_enc_of(0.8), churn=churn), run.first_state(t_enc_of(0.8)))
        assert expected in session.why_uneven and bool(expected) == bool(session.why_uneven)


def test_cells_that_no_step_reaches_are_the_original_not_noise():
    cells = strengths_of_columns(0.04, 0.09, 0.5, 0.5)
    result, _ = pinned(OnTimesteps(), cells)
    assert torch.equal(result[..., :4], ORIGINAL[..., :4])
    assert not torch.equal(result[..., 4:], ORIGINAL[..., 4:])


@pytest.mark.parametrize("fail_at", [0, 1, 5, 12])
def test_after_an_interrupt_cells_not_yet_released_are_the_original(fail_at):
    run = OnSigmas(euler, "sample_euler")
    cells = strengths_of_columns(0.0, 0.25, 0.5, 0.8)
    model = PointwiseDenoiser()
    model.fail_at = fail_at
    session = session_for(run, model, cells)
    with pytest.raises(KeyboardInterrupt):
        session.sample(lambda x: run.sample(model, x, t_enc_of(0.8)), run.first_state(t_enc_of(0.8)))
    last_latent = torch.full_like(ORIGINAL, 9)
    result = session.finish(last_latent)
    began = t_enc_of(0.8) + 1 - fail_at
    for strength in (0.0, 0.25, 0.5, 0.8):
        released = strength > 0 and (t_enc_of(strength) >= began or strength == 0.8)
        expected = last_latent if released else ORIGINAL
        columns = torch.from_numpy(cells[0] == strength)
        assert torch.equal(result[..., columns], expected[..., columns]), strength
    assert not model._forward_pre_hooks and not model._forward_hooks


def test_hooks_live_only_while_it_samples():
    model = PointwiseDenoiser()
    session = session_for(OnSigmas(euler, "sample_euler"), model, strengths_of_columns(0.2, 0.8))

    def count(x):
        assert len(model._forward_pre_hooks) == len(model._forward_hooks) == 1
        return x

    session.sample(count, ORIGINAL)
    assert not model._forward_pre_hooks and not model._forward_hooks


def test_the_state_is_changed_in_place_and_only_where_it_is_held():
    release = torch.tensor([[NEVER, 3, 5, FREE]], dtype=torch.int32)
    pin = Pin(torch.zeros(1, 1, 1, 4), lambda level: torch.full((1, 1, 1, 4), 7.0) * level, release)
    for place, expected in ((6, [14, 14, 14, 1]), (5, [14, 14, 14, 1]), (4, [14, 14, 1, 1]), (0, [14, 1, 1, 1])):
        x = torch.ones(1, 1, 1, 4)
        pin.hold(x, place, torch.tensor([2.0]))
        assert x.flatten().tolist() == expected
        assert pin.waiting(place).flatten().tolist() == [r < place for r in release.flatten().tolist()]


def test_noising_between_timesteps_interpolates_the_log():
    t = torch.tensor([[[[0.0]]], [[[500.0]]], [[[500.25]]], [[[999.0]]]])
    ones, zeros = torch.ones(4, 1, 1, 1), torch.zeros(4, 1, 1, 1)
    signal = variance_preserving(ones, zeros, t, ALPHAS).flatten()
    spread = variance_preserving(zeros, ones, t, ALPHAS).flatten()
    assert torch.equal(signal[[0, 1, 3]], ALPHAS[[0, 500, 999]].sqrt())
    assert torch.allclose(signal**2 + spread**2, torch.ones(4))
    assert signal[2].item() == pytest.approx(math.exp(0.5 * (0.75 * ALPHAS[500].log() + 0.25 * ALPHAS[501].log())))


def test_a_released_cell_finds_its_own_line_in_the_history():
    """Three outputs on levels 4, 2, 0.5; cell 0 has been free all along, cell 1 since the second, cell 2 since the
    third. In log(sigma), the line through cell 1's outputs 3 and 5 reaches 3 - (5 - 3) * log 2 / log 4 = 2."""
    release = torch.tensor([[FREE, 1, 0]], dtype=torch.int32)
    outputs = [torch.tensor([[[values]]]) for values in ([1.0, -9.0, -9.0], [2.0, 3.0, -9.0], [4.0, 5.0, 6.0])]
    history = History(torch.log)
    for place, (level, output) in zip((2, 1, 0), zip((4.0, 2.0, 0.5), outputs)):
        history.forget(release, place, torch.tensor([level]), output)
    assert outputs[2].flatten().tolist() == [4, 5, 6]
    assert outputs[1].flatten().tolist() == [2, 3, 6]
    assert torch.allclose(outputs[0].flatten(), torch.tensor([1.0, 2.0, 6.0]))
