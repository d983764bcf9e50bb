"""Other kinds of checkpoints: Stable Diffusion XL, and inpainting models with five more input channels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, base64_of, columns, largest_difference, map_of, photograph, pixels

PICTURE = photograph()
STRENGTH = 0.8
NOISE = 1
"""1/255, from the autoencoder's own draws."""


@pytest.fixture(scope="module", params=["xl", "inpainting"])
def checkpoint(request, webui: WebUI) -> Iterator[str]:
    """The first checkpoint with that word in its name, which all requests use."""
    names = [name for name in webui.checkpoints if request.param in name.lower()]
    if not names:
        pytest.skip(f'{webui.url} has no checkpoint with "{request.param}" in its name')
    webui.needs_checkpoint(names[0])
    with webui.checkpoint(names[0]):
        yield names[0]


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
def test_a_map_is_plain_at_its_share(webui: WebUI, checkpoint, sampler):
    options = {"sampler_name": sampler}
    plain, white = (webui.img2img(PICTURE, effect, **options) for effect in (None, map_of(255)))
    weaker = webui.img2img(PICTURE, denoising_strength=STRENGTH * 128 / 255, **options)
    grey = webui.img2img(PICTURE, map_of(128), denoising_strength=STRENGTH, **options)
    half = webui.img2img(PICTURE, map_of(columns(0, 255)), **options)
    assert largest_difference(plain.images[0], white.images[0]) <= NOISE
    assert largest_difference(weaker.images[0], grey.images[0]) <= NOISE
    assert np.array_equal(half.pixels[:, :64], pixels(PICTURE)[:, :64])
    assert largest_difference(half.pixels[:, 64:], pixels(PICTURE)[:, 64:]) > 20


def test_soft_inpainting(webui: WebUI, checkpoint):
    mask = Image.fromarray(columns(0, 0, 255, 255))
    options = {"mask": mask, "inpaint_full_res": False, "inpainting_fill": 1}
    ours = webui.img2img(PICTURE, {"source": "mask", "softness": 4}, **options)
    changed = (ours.pixels != pixels(PICTURE)).any(axis=2)
    assert not changed[:, : 64 - 12].any() and changed[:, 72:].mean() > 0.9


def test_an_inpainting_model_sees_where_the_map_changes(webui: WebUI, checkpoint):
    """A map alone is the model's mask too: as if that mask had been given, unblurred."""
    if "inpainting" not in checkpoint:
        pytest.skip("only inpainting models take a mask")
    mask = Image.fromarray(columns(0, 255))
    by_map = webui.img2img(PICTURE, {"map": base64_of(mask)})
    options = {"mask": mask, "mask_blur": 0, "inpaint_full_res": False, "inpainting_fill": 1}
    by_mask = webui.img2img(PICTURE, {"source": "mask"}, **options)
    assert largest_difference(by_map.images[0], by_mask.images[0]) <= NOISE


def test_a_grey_is_no_blend(webui: WebUI):
    """A weaker edit is an edit of its own, not the strong one laid half transparent over the picture: the change on the
    weak side would then be the strong run's change, scaled, and correlate with it by 1."""
    webui.needs_checkpoint("demo")
    picture = Image.open(Path(__file__).parents[2] / "preview" / "assets" / "sample.png").resize((256, 256))
    options = {"prompt": "night", "cfg_scale": 4, "steps": 20, "sampler_name": "DPM++ 2M"}
    with webui.checkpoint("demo"):
        ours = webui.img2img(picture, map_of(columns(102, 255), keep_exact=False), denoising_strength=1.0, **options)
        strong = webui.img2img(picture, denoising_strength=1.0, **options)
        round_trip = webui.img2img(picture, map_of(0, keep_exact=False), **options)
    weak_side = np.s_[:, :112]
    changes = [(run.pixels - round_trip.pixels)[weak_side].ravel() for run in (ours, strong)]
    correlation = np.corrcoef(*changes)[0, 1]
    print(f"correlation of the weak side's change with the strong one's: {correlation:.2f}")
    assert np.abs(changes[0]).mean() > 2
    # measured: 0.45 to 0.88, by prompt; 0.45 for this one
    assert correlation < 0.9
