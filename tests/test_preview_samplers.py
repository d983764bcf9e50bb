"""The preview's samplers against the WebUI's counts and levels, and against the methods as their papers give them."""

import numpy as np
import pytest
import torch
from pointwise import photograph

from modules import sd_samplers, shared

PICTURE = photograph()
SAMPLERS = list(sd_samplers.all_samplers_map)


@pytest.fixture
def fix_steps():
    yield lambda on: shared.opts.set("img2img_fix_steps", on)
    shared.opts.set("img2img_fix_steps", False)


def training_sigmas() -> np.ndarray:
    """Stable Diffusion's noise levels: betas linear in their square root."""
    alphas = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    return np.sqrt((1 - alphas) / alphas)


def schedule(sampler: str, steps: int) -> np.ndarray:
    """The sigmas of the WebUI's automatic schedule, descending, without the final zero."""
    trained = training_sigmas()
    ramp = np.linspace(0, 1, steps)
    if sampler == "DPM++ 2M":  # Karras et al. 2022, eq. 5
        first, last = trained[-1] ** (1 / 7), trained[0] ** (1 / 7)
        return (first + ramp * (last - first)) ** 7
    if sampler == "DPM++ 2M SDE":
        return np.exp(np.log(trained[-1]) + ramp * (np.log(trained[0]) - np.log(trained[-1])))
    timesteps = 999 * (1 - ramp)
    return np.exp(np.interp(timesteps, np.arange(1000), np.log(trained)))


def timestep_of(sigma: np.ndarray) -> np.ndarray:
    return np.interp(np.log(sigma), np.log(training_sigmas()), np.arange(1000))


def expected_levels(sampler: str, steps: int, strength: float, fix: bool) -> list[float]:
    """Timesteps at which AUTOMATIC1111 calls the model in an img2img run."""
    strength = min(strength, 0.999)
    if fix:
        length, last = int(steps / strength), steps - 1
    else:
        length, last = steps, int(strength * steps)
    if sampler in ("DDIM", "UniPC"):
        ascending = [min(t + 1, 999) for t in range(0, 1000, 1000 // length)][:last]
        if sampler == "DDIM":
            return ascending[:0:-1]
        return list(np.linspace(ascending[-1], 0, last + 1)[:-1]) if ascending else []
    levels = list(timestep_of(schedule(sampler, length)[length - last - 1 :]))
    if sampler == "Heun":  # at both ends of each step but the last, which ends at sigma 0
        levels = [level for pair in zip(levels, levels[1:]) for level in pair] + levels[-1:]
    return levels


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.02, 0.3, 0.55, 1.0])
@pytest.mark.parametrize("fix", [False, True])
def test_the_model_is_called_at_the_webuis_levels(host, fix_steps, sampler, strength, fix):
    fix_steps(fix)
    run = host.img2img(PICTURE, sampler_name=sampler, steps=12, denoising_strength=strength)
    expected = expected_levels(sampler, 12, strength, fix)
    assert run.levels == pytest.approx(expected, abs=0.02)  # float32 logarithms: measured up to 0.006


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_is_its_single_runs(host, sampler):
    batch = host.img2img(PICTURE, sampler_name=sampler, seed=40, batch_size=3, steps=8).latent
    singles = [host.img2img(PICTURE, sampler_name=sampler, seed=40 + i, steps=8).latent for i in range(3)]
    assert torch.equal(batch, torch.cat(singles))
    counted = host.img2img(PICTURE, sampler_name=sampler, seed=40, n_iter=3, steps=8).latent
    assert torch.equal(counted, batch)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_run_draws_from_the_global_generator(host, sampler):
    before = torch.random.get_rng_state()
    host.img2img(PICTURE, sampler_name=sampler, steps=6)
    assert torch.equal(torch.random.get_rng_state(), before)


def start_and_model(host, sampler, **options):
    """The state at the first model call, and the run."""
    states = []

    def remember(module, args):
        states.append(args[0].clone())

    handle = torch.nn.modules.module.register_module_forward_pre_hook(remember)
    try:
        run = host.img2img(PICTURE, sampler_name=sampler, **options)
    finally:
        handle.remove()
    return states[0], run


def clean(host, x: np.ndarray, sigma: float) -> np.ndarray:
    """The clean latent that the model sees in x = clean + sigma * noise."""
    timestep = torch.tensor([timestep_of(np.array(sigma))])
    scaled = torch.from_numpy(x) / (sigma**2 + 1) ** 0.5
    return x - sigma * host.model.apply_model(scaled, timestep, {}).numpy()


def euler(host, x, sigmas):
    for sigma, after in zip(sigmas, sigmas[1:]):
        x = x + (after - sigma) * (x - clean(host, x, sigma)) / sigma
    return x


def heun(host, x, sigmas):
    """Karras et al. 2022, Algorithm 1."""
    for sigma, after in zip(sigmas, sigmas[1:]):
        slope = (x - clean(host, x, sigma)) / sigma
        predicted = x + (after - sigma) * slope
        if after > 0:
            slope = (slope + (predicted - clean(host, predicted, after)) / after) / 2
        x = x + (after - sigma) * slope
    return x


def dpmpp_2m(host, x, sigmas):
    """Lu et al. 2022, DPM-Solver++ (2M), with lambda = -log sigma and the state scaled as x = clean + sigma * noise."""
    former, former_step = None, 0.0
    for sigma, after in zip(sigmas, sigmas[1:]):
        denoised = clean(host, x, sigma)
        if after == 0:
            return denoised
        step = np.log(sigma / after)
        direction = denoised
        if former is not None:
            direction = denoised + (denoised - former) * step / former_step / 2
        x = after / sigma * x - np.expm1(-step) * direction
        former, former_step = denoised, step
    return x


@pytest.mark.parametrize(("sampler", "method"), [("Euler", euler), ("Heun", heun), ("DPM++ 2M", dpmpp_2m)])
def test_a_sampler_is_the_method_of_its_paper(host, sampler, method):
    state, run = start_and_model(host, sampler, steps=20, denoising_strength=0.6)
    sigmas = np.append(schedule(sampler, 20)[-13:], 0.0)
    reached = method(host, state.double().numpy(), sigmas)
    # float32 against float64, in latent units of about 1: measured up to 2e-5
    assert np.abs(reached - run.latent.double().numpy()).max() < 1e-4


def test_ddim_ends_at_the_lowest_timestep(host):
    state, run = start_and_model(host, "DDIM", steps=20, denoising_strength=0.6)
    timesteps = [t + 1 for t in range(0, 1000, 50)][:12]
    alphas = 1 / (training_sigmas() ** 2 + 1)
    x = state.double()
    for timestep, after in zip(timesteps[:0:-1], timesteps[-2::-1]):
        noise = host.model.apply_model(x, torch.tensor([float(timestep)]), {})
        denoised = (x - (1 - alphas[timestep]) ** 0.5 * noise) / alphas[timestep] ** 0.5
        x = alphas[after] ** 0.5 * denoised + (1 - alphas[after]) ** 0.5 * noise
    assert (x - run.latent).abs().max() < 1e-4


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_run_starts_from_the_picture_and_the_seeds_noise(host, sampler):
    state, run = start_and_model(host, sampler, steps=20, denoising_strength=0.5, seed=9)
    noise = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(9)).double()
    picture = host.model.encode_first_stage(torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)[None] / 127.5 - 1)
    if sampler in ("DDIM", "UniPC"):
        alpha = 1 / (training_sigmas()[501] ** 2 + 1)
        expected = alpha**0.5 * picture.double() + (1 - alpha) ** 0.5 * noise
    else:
        expected = picture.double() + schedule(sampler, 20)[-11] * noise
    assert (state - expected).abs().max() < 2e-5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_sampler_steps_from_the_tensor_that_the_hook_sees(host, sampler):
    """What a forward pre-hook writes into the state must carry on: here it moves every cell by the same amount."""
    plain = host.img2img(PICTURE, sampler_name=sampler, steps=8).latent
    calls = []

    def shift(module, args):
        if not calls:
            args[0].add_(0.5)
        calls.append(args)

    handle = torch.nn.modules.module.register_module_forward_pre_hook(shift)
    try:
        shifted = host.img2img(PICTURE, sampler_name=sampler, steps=8).latent
    finally:
        handle.remove()
    assert (shifted - plain).abs().min() > 0


def test_multistep_samplers_keep_the_tensor_that_the_denoiser_returned(host):
    """Writing the new output into the returned tensors empties the history, and DPM++ 2M without one is Euler's method
    (Lu et al. 2022)."""
    returned = []

    def rewrite(module, args, output):
        for former in returned:
            former.copy_(output)
        returned.append(output)

    handle = torch.nn.modules.module.register_module_forward_hook(rewrite)
    try:
        state, run = start_and_model(host, "DPM++ 2M", steps=20, denoising_strength=0.6)
    finally:
        handle.remove()
    reached = euler(host, state.double().numpy(), np.append(schedule("DPM++ 2M", 20)[-13:], 0.0))
    assert np.abs(reached - run.latent.double().numpy()).max() < 1e-4


def test_an_interrupt_keeps_what_the_last_call_saw(host):
    seen = []

    def interrupt(model):
        seen.append(len(model.levels))
        if len(model.levels) == 5:
            shared.state.interrupt()

    host.model.hook = interrupt
    try:
        run = host.img2img(PICTURE, sampler_name="Euler", n_iter=3, steps=20)
    finally:
        host.model.hook = None
    assert seen[-1] == 5 and len(run.images) == 1
    assert not shared.state.interrupted


def test_skip_goes_on_with_the_next_batch(host):
    def skip(model):
        if len(model.levels) == 3:
            shared.state.skip()

    host.model.hook = skip
    try:
        run = host.img2img(PICTURE, sampler_name="Euler", n_iter=2, steps=10, denoising_strength=0.9)
    finally:
        host.model.hook = None
    assert len(run.levels) == 3 + 10 and len(run.images) == 2


def test_an_unknown_sampler_is_named_with_those_there_are(host):
    with pytest.raises(ValueError, match=r"Nope.*Euler a"):
        host.img2img(PICTURE, sampler_name="Nope")
