"""The painter over the whole window: a picture is painted on, made and compared without leaving it."""

import io
import time

import numpy as np
import patience
import pytest
from PIL import Image
from playwright.sync_api import expect

from webui.client import WebUI, photograph, pixels
from webui.page import STEP, Page

SIDE = 128
PICTURE = photograph((SIDE, SIDE))


@pytest.fixture(params=[(1366, 768), (390, 844)], ids=["1366 wide", "390 wide"])
def page(request, browser, webui: WebUI):
    """A picture, short settings, and the painter opened by its button beside Generate."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    tab = context.new_page()
    errors = []
    tab.on("pageerror", lambda error: "diffdiff" in str(getattr(error, "stack", "")) and errors.append(error))
    page = Page(tab, webui.url)
    page.to_tab("img2img")
    page.set_numbers(width=SIDE, height=SIDE, steps=6, denoising_strength=0.8, seed=1)
    page.upload("img2img_image", PICTURE)
    tab.get_by_role("button", name="Paint strengths").click()
    expect(tab.locator(".diffdiff-full canvas").first).to_be_visible()
    page.until_same(".diffdiff-full canvas")
    yield page
    context.close()
    assert not errors


def paint_the_right_half(page: Page) -> None:
    tab = page.page
    tab.locator(".diffdiff-full").get_by_role("button", name="Rectangle").click()
    box = tab.locator(".diffdiff-full canvas").first.bounding_box()
    middle = box["x"] + box["width"] / 2
    tab.mouse.move(middle, box["y"] - 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] + 1, box["y"] + box["height"] + 1, steps=4)
    tab.mouse.up()


def seen(page: Page) -> np.ndarray:
    """What is to be seen of picture and result, at their own size."""
    tab = page.page
    box = tab.locator(".diffdiff-pictures").bounding_box()
    side = min(box["width"], box["height"])
    clip = {"x": box["x"] + (box["width"] - side) / 2, "y": box["y"] + (box["height"] - side) / 2}
    shot = Image.open(io.BytesIO(tab.screenshot(clip={**clip, "width": side, "height": side})))
    return np.asarray(shot.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)).astype(int)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return np.abs(a - b).mean() < 6  # both were scaled to the screen and back


def shows(page: Page, picture: np.ndarray, part: slice = slice(None)) -> bool:
    """Whether these columns of a picture come to be seen."""
    end = time.monotonic() + patience.seconds(STEP)
    while not close(seen(page)[:, part], picture[:, part]):
        if time.monotonic() > end:
            return False
        page.page.wait_for_timeout(200)
    return True


def test_from_a_stroke_to_the_compared_result(page):
    tab = page.page
    paint_the_right_half(page)
    bench = tab.locator(".diffdiff-bench")
    bench.get_by_label("Prompt").fill("a lake, sunset")
    bench.get_by_label("Denoising strength", exact=True).fill("0.9")
    bench.get_by_role("button", name="Generate", exact=True).click()
    result = tab.locator(".diffdiff-result")
    expect(result).to_be_visible()
    page.until_idle()
    made = page.picture()
    before = pixels(PICTURE)
    assert np.array_equal(made[:, :64], before[:, :64]) and not close(made, before)
    assert shows(page, made)
    tab.mouse.move(5, 5)
    tab.keyboard.down("c")
    assert shows(page, before)
    tab.keyboard.up("c")
    assert shows(page, made)
    result.get_by_role("slider").fill("0.8")
    assert shows(page, before, slice(0, 96)), "left of the line the picture, right of it the result"
    assert shows(page, made, slice(106, None))
    line, pictures = (tab.locator(name).bounding_box() for name in (".diffdiff-line", ".diffdiff-pictures"))
    tab.mouse.move(line["x"] + line["width"] / 2, line["y"] + line["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(pictures["x"] + 1, line["y"] + line["height"] / 2, steps=4)
    tab.mouse.up()
    assert shows(page, made), "the line can be dragged"
    assert float(result.get_by_role("slider").input_value()) == 0
    tab.keyboard.press("Escape")
    assert not result.is_visible() and tab.locator(".diffdiff-full").count() == 1
    tab.keyboard.press("Escape")
    assert tab.locator(".diffdiff-full").count() == 0
    tab.wait_for_function("!document.fullscreenElement")
    assert page.value("#img2img_prompt textarea") == "a lake, sunset"
    assert float(page.value("#img2img_denoising_strength input[type=number]")) == 0.9


def test_a_fan_is_picked_from_and_the_pick_is_made_there(page):
    tab = page.page
    bench = tab.locator(".diffdiff-bench")
    bench.get_by_role("button", name="Strength fan").click()
    expect(tab.locator(".diffdiff-result")).to_be_visible()
    page.until_idle()
    page.until("document.querySelector('.diffdiff-pictures img[alt=Result]').dataset.infotext.includes('labelled fan')")
    page.until_same(".diffdiff-pictures")
    box = tab.locator(".diffdiff-pictures").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
    generate = bench.locator(".diffdiff-generate-this")
    generate.wait_for()
    page.until_number("#img2img_denoising_strength input[type=number]", 0.6)
    box = generate.bounding_box()
    assert box["y"] + box["height"] <= tab.evaluate("innerHeight")
    before = tab.evaluate("document.querySelector('.diffdiff-pictures img[alt=Result]').src")
    generate.click()
    tab.wait_for_function(
        "before => document.querySelector('.diffdiff-pictures img[alt=Result]').src !== before"
        " && !document.querySelector('.diffdiff-result').hidden",
        arg=before,
    )
    assert "labelled fan" not in tab.locator(".diffdiff-pictures img[alt=Result]").get_attribute("data-infotext")


def test_a_map_that_is_not_used_is_said_to_be(page):
    tab = page.page
    use = tab.locator(".diffdiff-use")
    expect(use).to_be_hidden()
    paint_the_right_half(page)
    tab.wait_for_timeout(500)  # gradio loses one of two changes that come at once
    tab.locator("#diffdiff_source input[value=auto]").dispatch_event("click")
    expect(use).to_be_visible()
    expect(use).to_contain_text("Automatic is in use")
    use.get_by_role("button", name="Use this map").click()
    page.until_chosen("source", "map")
    expect(use).to_be_hidden()
    tab.locator("#diffdiff-visible-checkbox").dispatch_event("click")
    expect(use).to_contain_text("Differential Diffusion is off")
    use.get_by_role("button", name="Switch on").click()
    expect(use).to_be_hidden()
    assert page.checked("#diffdiff-checkbox input")


def test_whoever_opens_it_by_its_button_wants_it_on(page):
    tab = page.page
    tab.get_by_role("button", name="Leave full screen").click()
    page.switch(False)
    if not tab.locator("#diffdiff_painter").first.is_visible():  # switching it off may close its panel
        tab.locator("#diffdiff .label-wrap, #diffdiff summary").first.click()
        tab.locator("#diffdiff_painter").first.wait_for()
        page.switch(False)
    tab.get_by_role("button", name="Paint strengths").click()
    page.until("document.querySelector('#diffdiff-checkbox input').checked")


def test_whoever_only_looks_has_it_off_again(page):
    tab = page.page
    page.until("document.querySelector('#diffdiff-checkbox input').checked")
    tab.keyboard.press("Escape")
    page.until("!document.querySelector('#diffdiff-checkbox input').checked")
    tab.get_by_role("button", name="Paint strengths").click()
    expect(tab.locator(".diffdiff-full canvas").first).to_be_visible()
    paint_the_right_half(page)
    tab.get_by_role("button", name="Leave full screen").click()
    page.until("!document.querySelector('.diffdiff-full')")
    assert page.checked("#diffdiff-checkbox input")


def test_what_goes_wrong_is_said_there(page):
    tab = page.page
    tab.locator(".diffdiff-bench").get_by_role("button", name="Generate", exact=True).click()
    page.until("document.querySelector('.diffdiff-status').textContent.includes('Nothing is painted yet')")
    assert not tab.locator(".diffdiff-result").is_visible()


def test_nothing_sticks_out_of_the_window_and_the_page_is_as_it_was(page):
    tab = page.page
    width = tab.evaluate("innerWidth")
    for control in tab.locator(".diffdiff-bench :is(button, input, textarea):visible").all():
        box = control.bounding_box()
        assert (
            box["x"] >= 0
            and box["x"] + box["width"] <= width
            and box["y"] + box["height"] <= tab.evaluate("innerHeight")
        )
    tab.get_by_role("button", name="Leave full screen").click()
    page.until("!document.querySelector('.diffdiff-full') && !document.fullscreenElement")
    assert tab.evaluate("scrollY") == 0
    assert tab.locator("#img2img_generate").is_visible()
