"""A map of one grey is plain img2img at that share of the strength, with every sampler that the WebUI offers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, columns, largest_difference, map_of, photograph, pixels
from webui.samplers import SAMPLERS

PICTURE = photograph((64, 64))
STRENGTH = 0.8
GREY = 128
AUTOENCODER = 1
"""The autoencoder samples its latent from a generator that no seed of the request reaches: 1/255 between two plain
runs, at most."""
NOISE = 100
"""A mean change beyond this is no picture any more."""
SCHEDULES = ["Automatic", "Karras", "Exponential"]


def cases():
    for sampler in SAMPLERS:
        for schedule in SCHEDULES if sampler.has_schedule else SCHEDULES[:1]:
            for fix_steps in (False, True):
                yield pytest.param(
                    sampler.name, schedule, fix_steps, id=f"{sampler.name}-{schedule}{'-fix_steps' * fix_steps}"
                )


@pytest.mark.parametrize(("sampler", "schedule", "fix_steps"), list(cases()))
def test_a_uniform_map_is_plain_img2img(webui: WebUI, sampler, schedule, fix_steps):
    webui.needs_sampler(sampler)
    options = {
        "sampler_name": sampler,
        "scheduler": schedule,
        "steps": 8,
        "override_settings": {"img2img_fix_steps": fix_steps},
    }
    weaker = webui.img2img(PICTURE, denoising_strength=STRENGTH * GREY / 255, **options).images[0]
    plain = webui.img2img(PICTURE, denoising_strength=STRENGTH, **options).images[0]
    white = webui.img2img(PICTURE, map_of(255), denoising_strength=STRENGTH, **options).images[0]
    grey = webui.img2img(PICTURE, map_of(GREY), denoising_strength=STRENGTH, **options).images[0]
    assert largest_difference(plain, white) <= AUTOENCODER
    assert largest_difference(weaker, grey) <= AUTOENCODER
    assert largest_difference(plain, weaker) > 5, "the strengths must differ to say anything"


def test_a_region_changes_as_much_as_its_plain_run(webui: WebUI, offered):
    """Which a sampler that ignores the pin cannot pass: beside a strip that changes entirely, a region at 30 % changes
    as much as plain img2img at 30 % does. Not equal, since the strip is in the model's sight, in the mean of three."""
    webui.needs_sampler(offered)
    webui.needs_checkpoint("demo")
    picture = Image.open(Path(__file__).parents[2] / "preview" / "assets" / "sample.png").resize((128, 128))
    options = {
        "prompt": "a house",
        "cfg_scale": 4,
        "n_iter": 3,  # not a batch, which some samplers take one by one
        "steps": 12,
        "sampler_name": offered,
        "override_settings": {"sd_model_checkpoint": "demo"},
    }
    round_trip = webui.img2img(picture, map_of(0, keep_exact=False), **options | {"n_iter": 1})
    greys = map_of(columns(*[77] * 7, 255), keep_exact=False)
    try:
        ours_run = webui.img2img(picture, greys, denoising_strength=1.0, **options)
    except RuntimeError as error:
        if "no map can steer it" in str(error):
            pytest.skip(f"{offered} is refused: {error}")
        raise
    runs = [
        ours_run,
        webui.img2img(picture, denoising_strength=77 / 255, **options),
        webui.img2img(picture, denoising_strength=1.0, **options),
    ]
    ours, plain, strong = (
        np.mean([np.abs(pixels(image) - round_trip.pixels)[:, :80].mean() for image in run.images]) for run in runs
    )
    print(f"{offered}: {ours:.1f}, plain {plain:.1f}, plain at full strength {strong:.1f}")
    if strong > NOISE:
        pytest.skip(f"{offered} makes nothing but noise of this checkpoint, by itself too")
    assert strong > 1.2 * plain, "the strengths must differ to say anything"
    if "can change by more or less than plain img2img" in str(runs[0].run.get("comments")):
        pytest.skip(f"{offered}: the page says that it may not")
    # measured: 0.95 to 1.14 of the plain run's; 3.4 where the pin was ignored
    assert ours == pytest.approx(plain, rel=0.15)


def test_no_sampler_is_left_out(webui: WebUI):
    assert set(webui.samplers) <= {sampler.name for sampler in SAMPLERS}
