"""Every region of a map is its own plain run, seen in latents through a denoiser without spatial coupling.

The denoiser is replaced by the test extension (tests/webui/extension), for one request at a time.
"""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from webui.client import WebUI, columns, map_of, photograph
from webui.samplers import ROUNDING, Sampler

PICTURE = photograph()
STRENGTH = 0.8
STEPS = 16
"""Restart lays out other levels from 20 steps on."""
GREYS = (255, 153, 77, 0)
POINTWISE = {"encoder_seed": 0, "denoiser": "pointwise"}


@pytest.fixture(scope="module", autouse=True)
def checkpoint(webui: WebUI) -> Iterator[None]:
    """One that predicts noise, with which the bounds were measured."""
    webui.needs_test_extension()
    with webui.checkpoint("tiny"):
        yield


def column(latents: np.ndarray, n: int) -> np.ndarray:
    """The cells of (..., h, w) that lie under one of GREYS."""
    return np.split(latents, len(GREYS), axis=-1)[n]


def differences(ours: np.ndarray, runs: list[np.ndarray]) -> list[float]:
    """Between each column of our run and of its own, the largest, in standard deviations of the first run's latents."""
    return [float(column(np.abs(ours - run), n).max() / runs[0].std()) for n, run in enumerate(runs)]


def latents(webui: WebUI, sampler: Sampler, strength: float, effect=None, **options) -> np.ndarray:
    options = {"steps": STEPS, "sampler_name": sampler.name, "test": POINTWISE} | dict(sampler.options) | options
    return webui.img2img(PICTURE, effect, denoising_strength=strength, **options).latents.astype(float)


@cache
def original(webui: WebUI) -> np.ndarray:
    return latents(webui, Sampler("Euler"), STRENGTH, map_of(0))


def first_level(webui: WebUI, options: dict) -> float:
    """Of a plain run."""
    return webui.img2img(PICTURE, denoising_strength=STRENGTH, test=POINTWISE, **options).run["levels"][0]


def test_every_region_is_its_plain_run(webui: WebUI, kind: Sampler, record_property):
    if kind.is_refused:
        pytest.skip("no map can steer it: see test_samplers")
    if kind.for_flow:
        pytest.skip("it is for flow models")
    ours = latents(webui, kind, STRENGTH, map_of(columns(*GREYS)))
    plain = [latents(webui, kind, STRENGTH * grey / 255) for grey in GREYS[:-1]] + [original(webui)]
    strongest, *released, kept = found = differences(ours, plain)
    print(f"{kind}: " + " ".join(f"{difference:.1e}" for difference in found))
    if kind.difference is not None:
        record_property(str(kind), {"seam": f"{max(released):.0e}"})
    assert kept == 0
    if kind.name != "DPM adaptive":
        assert strongest == 0, "what is free from the start never feels the map"
    if kind.difference == ROUNDING or (kind.difference and webui.chosen_checkpoint is None):
        assert max(released) <= kind.difference, kind.why
    if not kind.own_grid:
        apart = column(np.abs(plain[0] - plain[2]), 2).max()
        assert apart > 0.1 * min(1, plain[0].std()), "regions must differ to say anything"


@pytest.mark.parametrize(("steps", "discards"), [(6, True), (24, False), (59, False)])
def test_every_schedule_type(webui: WebUI, steps, discards):
    """Where "DDIM" has 1, 1 and 4 levels more than steps; "KL Optimal" does not end at 0. The sampler is the WebUI's
    own choice, DPM++ 2M."""
    if not webui.schedules:
        pytest.skip(f"on {webui.url} the schedule type is a part of a sampler's name")
    if discards:
        webui.needs_option("always_discard_next_to_last_sigma")
    options = {"steps": steps, "override_settings": {"always_discard_next_to_last_sigma": discards}}
    sampler, weakest = Sampler("DPM++ 2M"), 0.5 / steps
    grey = math.ceil(255 * weakest / STRENGTH)
    kept, off = original(webui), {}
    for schedule in webui.schedules:
        options["scheduler"] = schedule
        if webui.model["is_flow"] and first_level(webui, options) > 1:
            continue  # a flow model's time may run to 1, where Forge Neo's "Uniform" and "Turbo" begin at 999
        ours = latents(webui, sampler, STRENGTH, map_of(columns(255, 128, grey, 0)), **options)
        plain = [latents(webui, sampler, STRENGTH * share / 255, **options) for share in (255, 128, grey)]
        if webui.model["is_flow"] and np.isnan(plain).all():
            continue  # the WebUI's own, as with "Automatic" and Stable Diffusion 3 on Forge
        off[schedule] = max(differences(ours, [*plain, kept]))
    print(f"{steps} steps: {off}")
    assert max(off.values()) <= webui.rounding, {name: far for name, far in off.items() if far > webui.rounding}


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> float:
    """Largest distance between two empirical distributions."""
    values = np.sort(np.concatenate([one.ravel(), other.ravel()]))
    shares = [np.searchsorted(np.sort(sample.ravel()), values, side="right") / sample.size for sample in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def test_what_draws_in_order_is_equal_in_distribution(webui: WebUI, drawing: Sampler):
    """The change that a region went through is distributed as in its plain run: no further apart than the
    Kolmogorov-Smirnov distance that two samples of this size exceed once in 1000 times, 1.95 * sqrt(2 / n)."""
    if drawing.for_flow:
        pytest.skip("it is for flow models")
    if "s_churn" in dict(drawing.options) and webui.model["is_flow"]:
        pytest.skip("the WebUI's own s_churn raises the level of a flow model past 1")
    start = original(webui)

    def changes(strength, effect=None, **options):
        if start.ndim == 5:  # Forge Neo takes a batch for the frames of a video
            runs = [latents(webui, drawing, strength, effect, seed=seed, **options) for seed in range(8)]
        else:
            runs = latents(webui, drawing, strength, effect, batch_size=8, **options)
        return column(np.stack(runs) - start, 2)

    ours, strong = changes(STRENGTH, map_of(columns(*GREYS))), changes(STRENGTH)
    weaker = STRENGTH * GREYS[2] / 255
    # the hosts divide s_churn by the number of a run's steps, so the plain run gets its share of it
    share = (int(weaker * STEPS) + 1) / (int(STRENGTH * STEPS) + 1)
    plain = changes(weaker, **{name: value * share for name, value in drawing.options if name == "s_churn"})
    allowed = 1.95 * (2 / ours.size) ** 0.5
    distance, to_strong = kolmogorov_smirnov(ours, plain), kolmogorov_smirnov(ours, strong)
    print(f"{drawing}: {distance:.3f} of {allowed:.3f}, to the strong run {to_strong:.3f}")
    assert distance <= allowed
    if to_strong <= allowed:  # LCM draws its noise anew in each step, whatever the strength
        pytest.skip(f"{drawing}: with this checkpoint the strong run is as near, so this says nothing")


def test_levels_above_the_strongest_cell_are_never_computed(webui: WebUI):
    half = webui.img2img(PICTURE, map_of(columns(0, 128)), test=POINTWISE, steps=20)
    plain = webui.img2img(PICTURE, denoising_strength=STRENGTH * 128 / 255, test=POINTWISE, steps=20)
    full = webui.img2img(PICTURE, test=POINTWISE, steps=20)
    assert half.run["levels"] == plain.run["levels"] == full.run["levels"][-len(plain.run["levels"]) :]
    assert len(half.run["levels"]) < 0.6 * len(full.run["levels"])


@pytest.mark.parametrize("sampler", ["Euler", "Heun", "DPM++ 2M", "DPM++ 2M SDE"])
def test_flow_models(webui: WebUI, sampler):
    """Flux and Stable Diffusion 3 noise by x = sigma * noise + (1 - sigma) * latent."""
    if not webui.model["has_predictor"]:
        pytest.skip(f"{webui.url} has no predictor to replace")
    if webui.model["is_flow"]:
        pytest.skip("the checkpoint is one, so each test here is of one")
    flow = {"test": POINTWISE | {"predictor": "flow"}, "scheduler": "Simple"}
    ours = latents(webui, Sampler(sampler), STRENGTH, map_of(columns(*GREYS)), **flow)
    plain = [latents(webui, Sampler(sampler), STRENGTH * grey / 255, **flow) for grey in GREYS[:-1]]
    assert max(differences(ours, plain)) <= 1e-5
    assert column(np.abs(plain[0] - plain[2]), 2).max() > 0.1, "regions must differ to say anything"
    assert np.array_equal(column(ours, 3), column(original(webui), 3))
    default = latents(webui, Sampler(sampler), STRENGTH, scheduler="Simple")
    assert np.abs(default - plain[0]).max() > 0.1, "the predictor must do something"
