"""A map of one grey is plain img2img at that share of the strength, with every sampler that the WebUI offers."""

import pytest

from webui.client import WebUI, largest_difference, map_of, photograph
from webui.samplers import SAMPLERS

PICTURE = photograph((64, 64))
STRENGTH = 0.8
GREY = 128
AUTOENCODER = 1
"""The autoencoder samples its latent from a generator that no seed of the request reaches: 1/255 between two plain
runs, at most."""
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


def test_no_sampler_is_left_out(webui: WebUI):
    assert set(webui.samplers) <= {sampler.name for sampler in SAMPLERS}
