"""A map of one grey is plain img2img at that share of the strength, with every sampler that the WebUI offers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, columns, largest_difference, map_of, photograph, pixels
from webui.samplers import KNOWN, Sampler

PICTURE = photograph((64, 64))
STRENGTH = 0.8
GREY = 128
AUTOENCODER = 1
"""The autoencoder samples its latent from a generator that no seed of the request reaches: 1/255 between two plain
runs, at most."""
SCHEDULES = [({}, False), ({"scheduler": "Karras"}, True), ({"scheduler": "Exponential"}, False)]
"""Schedule type, the WebUI's own choice first, and "exactly the amount of steps"."""
UNEVEN = "can change by more or less than plain img2img"
REFUSED = "no map can steer it"
NOISE = 75
"""Mean change of 255 from which a plain run at full strength has made noise: 30 to 45 of a sampler that suits the demo
model, 91 of AUTOMATIC1111's LCM, which takes whatever a checkpoint predicts for the noise."""


@pytest.fixture(scope="module", autouse=True)
def checkpoint(webui: WebUI) -> Iterator[None]:
    with webui.checkpoint("demo"):
        yield


@pytest.mark.parametrize(("schedule", "fix_steps"), SCHEDULES, ids=["own", "Karras", "Exponential"])
def test_a_uniform_map_is_plain_img2img(webui: WebUI, offered: Sampler, schedule, fix_steps, record_property):
    if schedule and schedule["scheduler"] not in webui.schedules:
        pytest.skip(f"{webui.url} has no schedule type {schedule['scheduler']}")
    if offered.for_flow:
        pytest.skip("it is for flow models")
    options = {
        "sampler_name": offered.name,
        "steps": 8,
        "override_settings": {"img2img_fix_steps": fix_steps},
    } | schedule
    weaker = webui.img2img(PICTURE, denoising_strength=STRENGTH * GREY / 255, **options).images[0]
    plain = webui.img2img(PICTURE, denoising_strength=STRENGTH, **options).images[0]
    white = webui.img2img(PICTURE, map_of(255), denoising_strength=STRENGTH, **options).images[0]
    grey = webui.img2img(PICTURE, map_of(GREY), denoising_strength=STRENGTH, **options).images[0]
    difference = max(largest_difference(plain, white), largest_difference(weaker, grey))
    record_property(str(offered), {"white, grey": f"{difference}/255"})
    assert difference <= AUTOENCODER
    assert largest_difference(plain, weaker) > 5, "the strengths must differ to say anything"


def test_a_region_changes_as_much_as_its_plain_run(webui: WebUI, offered: Sampler, record_property):
    """Which a sampler that ignores the pin cannot pass: beside a strip that changes entirely, a region at 30 % changes
    as much as plain img2img at 30 % does. Not equal, since the strip is in the model's sight, in the mean of three."""
    webui.needs_checkpoint("demo")
    if offered.for_flow:
        pytest.skip("it is for flow models")
    picture = Image.open(Path(__file__).parents[2] / "preview" / "assets" / "sample.png").resize((128, 128))
    greys = map_of(columns(*[77] * 7, 255), keep_exact=False)
    options = {"prompt": "a house", "cfg_scale": 4, "steps": 12, "sampler_name": offered.name}
    if offered.is_refused:
        status, message = webui.refused(webui.body(picture, greys, denoising_strength=1.0, **options))
        assert status == 422 and REFUSED in message
        record_property(str(offered), {"region": "refused"})
        pytest.skip(f"{offered} is refused: {message}")
    round_trip = webui.img2img(picture, map_of(0, keep_exact=False), **options)
    three = options | {"n_iter": 3}  # not a batch, which some samplers take one by one
    runs = [
        webui.img2img(picture, greys, denoising_strength=1.0, **three),
        webui.img2img(picture, denoising_strength=77 / 255, **three),
        webui.img2img(picture, denoising_strength=1.0, **options),
    ]
    ours, plain, strong = (
        np.mean([np.abs(pixels(image) - round_trip.pixels)[:, :80].mean() for image in run.images]) for run in runs
    )
    print(f"{offered}: {ours / plain:.2f} ({ours:.1f} of {plain:.1f}, plain at full strength {strong:.1f})")
    record_property(str(offered), {"region": f"{ours / plain:.2f}"})
    if webui.has_test_extension:
        assert (UNEVEN in str(runs[0].run["comments"])) == offered.is_uneven
    if offered.name == "LCM" and strong > NOISE:  # of any other sampler that would be a fault to find
        pytest.skip(f"{offered} makes noise of this checkpoint, without a map too")
    if offered.is_uneven:
        pytest.skip(f"{offered}: the page says that it may not")
    if strong <= 1.15 * plain:
        pytest.skip(f"{offered}: at 30 % this checkpoint is changed as much as at 100 %, so this says nothing")
    # measured: 0.95 to 1.14 of the plain run's; 3.4 where the pin was ignored
    assert ours == pytest.approx(plain, rel=0.15)


def test_no_sampler_is_left_out(webui: WebUI):
    assert set(webui.samplers) <= set(KNOWN)
