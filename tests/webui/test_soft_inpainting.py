"""Soft inpainting: the WebUI's own mask, softened by one slider, in place of the WebUI's own blending."""

import json

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, parameters, photograph, pixels
from webui.page import Page

PICTURE = photograph()
BOX = (32, 24, 104, 104)
"""More than six standard deviations wide."""
SOFTNESS = 5
REACH = 3 * SOFTNESS
POINTWISE = {"encoder_seed": 0, "denoiser": "pointwise"}


def mask() -> Image.Image:
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, BOX)
    return mask


def distance() -> np.ndarray:
    """From the box: pixels, negative inside, by the longer axis, (H, W)."""
    y, x = np.mgrid[0 : PICTURE.height, 0 : PICTURE.width]
    left, top, right, bottom = BOX
    return np.maximum.reduce([left - x, x - right + 1, top - y, y - bottom + 1])


def cells_where(condition: np.ndarray, latents: np.ndarray) -> np.ndarray:
    """Cells of those latents all of whose pixels fulfil it, bool (h, w)."""
    height, width = latents.shape[-2:]
    return condition.reshape(height, len(condition) // height, width, -1).all(axis=(1, 3))


def inpaint(webui: WebUI, effect: dict | None, **options):
    options = {"mask": mask(), "mask_blur": 8, "inpainting_fill": 1, "inpaint_full_res": False} | options
    return webui.img2img(PICTURE, {"source": "mask"} | effect, **options)


def changed(result) -> np.ndarray:
    return (result.pixels != pixels(PICTURE)).any(axis=2)


@pytest.mark.parametrize("side", ["both", "outwards", "inwards"])
class TestSides:
    def test_the_core_has_the_sliders_strength_and_nothing_beyond_the_reach_changes(self, webui: WebUI, side):
        webui.needs_test_extension()
        ours = inpaint(webui, {"softness": SOFTNESS, "softness_side": side}, test=POINTWISE, steps=16)
        plain = webui.img2img(PICTURE, test=POINTWISE, steps=16)
        core = cells_where(distance() <= (0 if side == "outwards" else -REACH), ours.latents)
        assert core.sum() >= 4
        assert np.abs(ours.latents - plain.latents)[..., core].max() <= 1e-5
        beyond = distance() > (0 if side == "inwards" else REACH)
        assert not changed(ours)[beyond].any()

    def test_the_ring_changes_with_softness(self, webui: WebUI, side):
        narrow, wide = (changed(inpaint(webui, {"softness": s, "softness_side": side})) for s in (1, 2 * SOFTNESS))
        d = distance()
        if side == "inwards":
            assert not narrow[d > 0].any() and not wide[d > 0].any()
        else:
            ring = (d > 8) & (d <= 2 * SOFTNESS)
            assert not narrow[ring].any() and wide[ring].mean() > 0.3


def test_softness_0_is_a_hard_mask_without_the_webuis_blending(webui: WebUI):
    webui.needs_test_extension()
    ours = inpaint(webui, {"softness": 0}, test=POINTWISE, steps=16)
    plain = webui.img2img(PICTURE, test=POINTWISE, steps=16)
    inside, outside = (cells_where(where, ours.latents) for where in (distance() <= 0, distance() > 0))
    assert np.abs(ours.latents - plain.latents)[..., inside].max() <= 1e-5
    assert not changed(ours)[distance() > 0].any()
    blurred = inpaint(webui, {"softness": 0}, test=POINTWISE, steps=16, mask_blur=0)
    assert np.array_equal(ours.pixels, blurred.pixels), "the WebUI's mask blur has no say"
    assert outside.any()


def test_the_rest_may_follow_by_a_minimum(webui: WebUI):
    webui.needs_test_extension()
    ours = inpaint(webui, {"softness": SOFTNESS, "minimum": 0.5}, test=POINTWISE, steps=16)
    weak = webui.img2img(PICTURE, denoising_strength=0.4, test=POINTWISE, steps=16)
    far = cells_where(distance() > REACH, ours.latents)
    assert np.abs(ours.latents - weak.latents)[..., far].max() <= 1e-5


def test_inpaint_not_masked(webui: WebUI):
    ours = changed(inpaint(webui, {"softness": SOFTNESS}, inpainting_mask_invert=1))
    assert not ours[distance() <= -REACH].any() and ours[distance() > 8].mean() > 0.8


@pytest.mark.parametrize("fill", [0, 1, 2, 3])
def test_every_fill_keeps_what_is_beyond_the_reach(webui: WebUI, fill):
    webui.needs_fill(fill)
    ours = changed(inpaint(webui, {"softness": SOFTNESS}, inpainting_fill=fill))
    assert not ours[distance() > REACH].any() and ours[distance() <= -8].mean() > 0.9


def test_the_crop_of_only_masked_grows_with_the_soft_zone(webui: WebUI):
    """A small mask with no padding: the zone around it can only change if it lies inside the crop."""
    small = Image.new("L", PICTURE.size)
    small.paste(255, (48, 48, 80, 80))
    options = {"mask": small, "inpaint_full_res": True, "inpaint_full_res_padding": 0}
    hard, soft = (changed(inpaint(webui, {"softness": s}, **options)) for s in (0, 6))
    assert not hard[:48].any() and not hard[:, 80:].any()
    assert soft[40:48, 48:80].mean() > 0.3 and not soft[: 48 - 18].any()


def test_paint_tick_generate(browser, webui: WebUI):
    """With a mask in the tab and no map, switching on is all that has to be done."""
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    page = Page(context.new_page(), webui.url)
    page.to_tab("img2img")
    page.page.locator("#mode_img2img button", has_text="Inpaint upload").first.click()
    page.upload("img_inpaint_base", PICTURE)
    page.upload("img_inpaint_mask", mask())
    page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.9, seed=1)
    page.page.wait_for_timeout(1500)
    page.switch(True)
    page.page.wait_for_timeout(1500)
    assert page.value("#diffdiff_source input:checked") == "mask"
    page.generate()
    assert page.error() == ""
    info = json.loads(page.value("#generation_info_img2img :is(textarea, input)"))
    said = parameters(info["infotexts"][0])
    assert said["Differential Diffusion"] == "mask" and said["Differential Diffusion softness"] in ("3", "3.0")
    different = (page.picture() != pixels(PICTURE)).any(axis=2)
    assert not different[distance() > 12].any() and different[distance() <= -8].mean() > 0.9
    context.close()
