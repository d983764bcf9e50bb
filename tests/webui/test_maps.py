"""The way of a map, or of a mask that is one, from the page to a run."""

import json

import numpy as np
import pytest
from painter_harness import NOISE, decode_map, stroke_on_host_canvas
from PIL import Image

from webui.client import WebUI, base64_of, columns, largest_difference, map_of, parameters, photograph, pixels
from webui.page import Page

SIDE = 256
PICTURE = photograph((SIDE, SIDE))
RAMP = np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))
OPEN = "#diffdiff > .label-wrap, #diffdiff .label-wrap"
MAP = "#diffdiff_map textarea"


@pytest.fixture
def open_page(browser, webui: WebUI):
    """Opens the img2img tab with short settings, in a browser whose canvases may be made to add noise."""
    contexts = []

    def open_(script: str = "") -> Page:
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 1300}))
        tab = contexts[-1].new_page()
        tab.add_init_script(script)
        page = Page(tab, webui.url)
        page.to_tab("img2img")
        return page

    yield open_
    for context in contexts:
        context.close()


def prepare(page: Page, **numbers: float) -> None:
    page.page.wait_for_timeout(1500)
    page.set_numbers(**{"width": SIDE, "height": SIDE, "steps": 4, "denoising_strength": 0.75, "seed": 1} | numbers)


def infotext(page: Page) -> str:
    return json.loads(page.value("#generation_info_img2img :is(textarea, input)"))["infotexts"][0]


def test_few_steps_are_few_strengths(open_page, webui: WebUI):
    """int(S * steps) tells two strengths apart. What the panel says of greys that begin a strength of their own is what
    the run makes of them."""
    page = open_page()
    page.page.locator(OPEN).first.click()
    page.upload("img2img_image", PICTURE)
    page.upload_map(RAMP)
    prepare(page)
    page.page.locator("#diffdiff_preview").evaluate("preview => preview.scrollIntoView({ block: 'center' })")
    words = "4 strengths can be told apart: greys from 1, 85, 170 and 255 on."
    page.page.locator("#diffdiff", has_text=words).wait_for()
    options = {"steps": 4, "denoising_strength": 0.75, "sampler_name": "Euler"}
    firsts, lasts = (
        [webui.img2img(PICTURE, map_of(grey, keep_exact=False), **options).pixels for grey in greys]
        for greys in ((1, 85, 170), (84, 169, 254))
    )
    assert all(largest_difference(first, last) <= 1 for first, last in zip(firsts, lasts)), "noise of the autoencoder"
    assert largest_difference(firsts[0], firsts[1]) > 2 and largest_difference(firsts[1], firsts[2]) > 2


FORMS = {
    "16 bits": Image.fromarray(RAMP.astype(np.uint16) * 257),
    "black strokes on transparency": Image.merge("LA", [Image.new("L", (SIDE, SIDE)), Image.fromarray(RAMP)]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_the_same_map_on_the_page_and_in_a_request(open_page, webui: WebUI, form):
    """Also where the browser's canvases add noise to what is read back from them."""
    page = open_page(NOISE)
    page.upload("img2img_image", PICTURE)
    page.page.wait_for_timeout(1500)
    page.give("diffdiff_painter", FORMS[form])
    page.page.wait_for_function(f"document.querySelector('{MAP}').value")
    assert np.array_equal(decode_map(page.value(MAP)), RAMP)
    by_request = webui.img2img(PICTURE, {"map": base64_of(FORMS[form])}, steps=1).infotext
    prepare(page)
    page.switch(True)
    page.generate()
    key = "Differential Diffusion map"
    assert page.error() == "" and parameters(infotext(page))[key] == parameters(by_request)[key]


def test_black_stays_black_where_canvases_add_noise(open_page):
    page = open_page(NOISE)
    page.upload("img2img_image", PICTURE)
    page.page.wait_for_timeout(1500)
    page.upload_map(columns(0, 255, size=(SIDE, SIDE)))
    prepare(page)
    page.switch(True)
    page.generate()
    kept = (page.picture() == pixels(PICTURE)).all(axis=2)
    assert page.error() == "" and kept[:, : SIDE // 2].all() and kept[:, SIDE // 2 + 8 :].mean() < 0.2


def test_the_sketch_tabs_strokes_belong_to_the_picture(open_page):
    page = open_page()
    if not page.has("#img2img_sketch"):
        pytest.skip("this WebUI has no Sketch tab")
    page.page.locator("#mode_img2img > .tab-nav button", has_text="Sketch").first.click()
    page.upload("img2img_sketch", PICTURE)
    page.page.wait_for_timeout(3000)  # the hosts' canvases empty themselves once more after they have shown the picture
    prepare(page)
    stroke_on_host_canvas(page.page, "img2img_sketch", 0.2, 0.8, height=0.5)
    page.upload_map(columns(0, 255, size=(SIDE, SIDE)))
    page.switch(True)
    page.page.wait_for_timeout(2000)
    page.generate()
    assert page.error() == ""
    changed = (page.picture() != pixels(PICTURE)).any(axis=2)
    stroke = changed[:, : SIDE // 2].any(axis=1)
    assert stroke[SIDE // 2 - 4 : SIDE // 2 + 4].all(), "the stroke is kept too"
    assert stroke.sum() <= 100, "no more than Forge Neo's brush, the widest, covers"
    assert changed[: SIDE // 4, SIDE // 2 + 8 :].mean() > 0.8


def test_a_half_transparent_mask_of_the_inpaint_sketch_tab_has_half_the_strength(open_page, webui: WebUI):
    """In the panel's small picture and in the run, which begins at the mask's strength as nothing else may change."""
    webui.needs_test_extension()
    page = open_page()
    if not page.has("#inpaint_sketch") or page.has("#inpaint_sketch .forge-container"):
        pytest.skip("this WebUI has no Inpaint sketch tab whose mask can be transparent")
    page.page.locator("#mode_img2img > .tab-nav button", has_text="Inpaint sketch").first.click()
    page.upload("inpaint_sketch", PICTURE)
    page.page.wait_for_timeout(3000)
    prepare(page, steps=20, denoising_strength=0.8, mask_alpha=50)
    page.page.locator(OPEN).first.click()
    page.click("#diffdiff_source input[value=mask]")
    page.fill("#diffdiff_softness input[type=number]", 0)
    stroke_on_host_canvas(page.page, "inpaint_sketch", 0.3, 0.7, height=0.5)
    page.page.locator("#diffdiff_preview").evaluate("preview => preview.scrollIntoView({ block: 'center' })")
    small = page.page.locator("#diffdiff_preview canvas").first
    small.wait_for()
    page.page.wait_for_timeout(2000)
    middle = small.evaluate(
        "canvas => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0]"
    )
    assert abs(middle - 0.5 * 255) <= 1
    page.generate()
    assert page.error() == ""
    sampler = parameters(infotext(page))["Sampler"]
    ours = len(webui.last_run()["levels"])
    plain = webui.img2img(PICTURE, denoising_strength=0.39, steps=20, sampler_name=sampler).run["levels"]
    assert ours == len(plain)
