"""The preview's page in a real browser."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Server
from PIL import Image
from pointwise import photograph

PICTURE = photograph((128, 128))
ASSETS = Path(__file__).parents[1] / "preview" / "assets"

FAINT_TEXTS = """() => {
    const numbers = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return colour.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];  // what color-mix gives
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
    const light = (colour) => {
        const linear = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const ground = (element) => {
        if (!element) return [255, 255, 255];
        const style = getComputedStyle(element);
        const gradient = style.backgroundImage.includes("gradient") && style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
        const colour = numbers(gradient ? gradient.at(-1) : style.backgroundColor);
        return colour[3] === 1 ? colour.slice(0, 3) : over(colour, ground(element.parentElement));
    };
    const faint = [];
    const check = (element, colour, text) => {
        const behind = ground(element);
        const [a, b] = [light(over(numbers(colour), behind)), light(behind)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.push(`${text.trim().slice(0, 30)}: ${contrast.toFixed(1)}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode()); ) {
        const element = text.parentElement;
        const isShown = text.textContent.trim() && element.offsetParent;
        if (isShown) check(element, getComputedStyle(element).color, text.textContent);
    }
    for (const field of document.querySelectorAll("input, textarea")) {
        if (field.placeholder && field.offsetParent && !field.value) {
            check(field, getComputedStyle(field, "::placeholder").color, field.placeholder);
        }
    }
    return faint;
}"""
"""Texts of too little contrast with what is behind them."""


@pytest.fixture
def page(browser, preview):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(preview)
    page.wait_for_selector("#diffdiff-visible-checkbox", state="attached")
    for box, value in {"img2img_width": 128, "img2img_height": 128, "img2img_steps": 4, "img2img_seed": 5}.items():
        set_number(page, box, value)
    yield page
    context.close()
    assert not errors


def set_number(page, box: str, value: float) -> None:
    number = page.locator(f"#{box} input[type=number]")
    number.fill(str(value))
    number.press("Tab")


def number(page, box: str) -> float:
    return float(page.locator(f"#{box} input[type=number]").input_value())


def upload(page, box: str = "img2img_image", picture: Image.Image = PICTURE) -> None:
    file = io.BytesIO()
    picture.save(file, "PNG")
    files = page.locator(f"#{box} input[type=file]").first
    files.set_input_files({"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.wait_for_function(f"document.querySelector('#{box} img')?.naturalWidth === {picture.width}")


def generate(page) -> dict:
    """Runs once and waits for the end; returns the generation info."""
    # 30 s were too few for a run on a machine that did other things too
    with page.expect_response(
        lambda answer: "task(" in (answer.request.post_data or "") and "predict" in answer.url, timeout=120_000
    ):
        page.click("#img2img_generate")
    page.wait_for_selector("#img2img_generate_box:not(.generating)")
    page.wait_for_timeout(300)
    info = page.locator("#generation_info_img2img textarea").input_value()
    return json.loads(info) if info else {}


def gallery_picture(page) -> np.ndarray:
    """The picture that the gallery shows large, int (H, W, 3)."""
    pixels = page.evaluate(
        "async () => [...new Uint8Array(await (await fetch("
        "document.querySelector('#img2img_gallery img').src)).arrayBuffer())]"
    )
    return np.asarray(Image.open(io.BytesIO(bytes(pixels))).convert("RGB")).astype(int)


def log(page) -> str:
    return page.inner_text("#html_log_img2img")


def test_generate_shows_the_picture_and_its_infotext(page):
    upload(page)
    page.fill("#img2img_prompt textarea", "a house, winter")
    page.fill("#img2img_neg_prompt textarea", "night")
    info = generate(page)
    assert info["all_seeds"] == [5] and info["index_of_first_image"] == 0
    page.wait_for_selector("#img2img_gallery img")
    shown = page.inner_text("#html_info_img2img")
    assert shown.split("\n")[0] == "a house, winter" and "Negative prompt: night" in shown
    assert "Steps: 4, Sampler: DPM++ 2M" in shown and "Size: 128x128" in shown
    assert "Differential Diffusion" not in shown


def test_progress_names_the_step_and_interrupt_ends_the_run(page):
    upload(page)
    set_number(page, "img2img_steps", 150)
    page.click("#img2img_generate")
    page.wait_for_function("/^step ([4-9]|\\d\\d+).113/.test(document.querySelector('.progress-text')?.textContent)")
    assert page.locator("#img2img_interrupt").is_visible() and not page.locator("#img2img_generate").is_visible()
    assert page.evaluate("parseFloat(document.querySelector('.progressDiv .progress').style.width)") > 0
    page.click("#img2img_interrupt")
    page.wait_for_selector("#img2img_generate", state="visible")
    assert page.locator(".progressDiv").count() == 0
    page.wait_for_selector("#img2img_gallery img")


def test_the_infotext_follows_the_picture_chosen_in_the_gallery(page):
    upload(page)
    set_number(page, "img2img_batch_count", 2)
    info = generate(page)
    assert info["index_of_first_image"] == 1 and len(info["infotexts"]) == 3
    thumbnails = page.locator("#img2img_gallery .thumbnail-item.thumbnail-small")
    assert thumbnails.count() == 3
    thumbnails.nth(2).click()
    page.wait_for_function("document.querySelector('#html_info_img2img').innerText.includes('Seed: 6')")
    assert page.evaluate("selected_gallery_index()") == 2
    thumbnails.nth(1).click()
    page.wait_for_function("document.querySelector('#html_info_img2img').innerText.includes('Seed: 5')")


def test_an_error_is_visible_and_the_next_run_clean(page):
    assert generate(page) == {}
    assert "Choose a picture first." in log(page)
    assert page.locator("#html_log_img2img .error").is_visible()
    upload(page)
    assert generate(page)["all_seeds"] == [5]
    assert page.locator("#html_log_img2img .error").count() == 0


def test_the_extensions_error_is_visible(page):
    upload(page)
    page.click("#diffdiff .label-wrap")
    assert generate(page) == {}
    assert "Nothing is painted yet" in log(page) and page.locator("#img2img_gallery img").count() == 0


def test_parameters_are_read_from_the_prompt(page):
    infotext = (
        "a lake, gold\nNegative prompt: fog\nSteps: 9, Sampler: Euler a, Schedule type: Karras, CFG scale: 3.5, "
        "Seed: 77, Size: 192x64, Denoising strength: 0.35, Mask blur: 7"
    )
    page.fill("#img2img_prompt textarea", infotext)
    page.click("#paste")
    page.wait_for_function("document.querySelector('#img2img_prompt textarea').value === 'a lake, gold'")
    page.wait_for_timeout(300)
    assert page.input_value("#img2img_neg_prompt textarea") == "fog"
    assert page.input_value("#img2img_sampling input") == "Euler a"
    assert page.input_value("#img2img_scheduler input") == "Karras"
    boxes = ("steps", "cfg_scale", "seed", "width", "height", "denoising_strength", "mask_blur")
    assert [number(page, f"img2img_{box}") for box in boxes] == [9, 3.5, 77, 192, 64, 0.35, 7]


def test_an_accordion_with_a_checkbox(page):
    """Opening enables, closing disables; the box itself enables without opening."""
    box, title = page.locator("#diffdiff-visible-checkbox"), page.locator("#diffdiff .label-wrap").first
    value = page.locator("#diffdiff-checkbox input")
    is_open = lambda: "open" in re.split(r"\s+", title.get_attribute("class"))  # noqa: E731
    assert not box.is_checked() and not is_open()
    title.click()
    assert is_open() and box.is_checked() and value.is_checked()
    title.click()
    assert not is_open() and not box.is_checked() and not value.is_checked()
    box.click()
    assert not is_open() and box.is_checked() and value.is_checked()
    box.click()
    assert not box.is_checked() and not value.is_checked()
    for checked in (True, False):
        page.evaluate("checked => inputAccordionChecked('diffdiff', checked)", checked)
        page.wait_for_timeout(300)
        assert box.is_checked() == value.is_checked() == checked, "both boxes follow a script"


@pytest.fixture(scope="module")
def opened(browser):
    """The page as it opens for a user, on a screen of a laptop and on a phone's."""
    server = Server()
    contexts = []

    def open_(width: int, height: int):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}))
        page = contexts[-1].new_page()
        page.goto(server.url)
        page.wait_for_function("document.querySelector('#preview_alert [role=alert]')?.textContent")
        return page

    yield open_
    for context in contexts:
        context.close()
    server.stop()


def in_view(page, selector: str) -> float:
    """How many of the element's pixels, from top to bottom, the window shows."""
    box = page.locator(selector).first.bounding_box()
    return min(box["y"] + box["height"], page.viewport_size["height"]) - max(box["y"], 0)


def test_the_first_screen_shows_picture_map_and_result(opened):
    page = opened(1366, 768)
    assert "Press Generate" in page.inner_text("#preview_alert")
    assert page.locator("#diffdiff-visible-checkbox").is_checked()
    for selector in ("#img2img_image img", "#diffdiff_painter canvas", "#img2img_gallery img"):
        assert in_view(page, selector) > 150
    shown = page.inner_text("#html_info_img2img")
    assert shown.startswith(page.input_value("#img2img_prompt textarea"))
    set_number(page, "img2img_seed", int(re.search(r"Seed: (\d+)", shown)[1]))
    generate(page)
    page.wait_for_selector("#img2img_gallery img")
    shipped = Image.open(ASSETS / "sample_result.png").convert("RGB")
    assert np.abs(gallery_picture(page) - np.asarray(shipped)).mean() < 2, "the example's result is what the page makes"


def test_check_boxes_side_by_side_stand_at_one_height(opened):
    first, second = (box.bounding_box() for box in opened(1366, 768).locator("#diffdiff_checks input").all())
    assert first["x"] < second["x"] and abs(first["y"] - second["y"]) < 1


def test_every_text_can_be_read(opened):
    """Contrast of at least 4.5 to 1 (WCAG 2.1, 1.4.3) for all that is shown, hints and placeholders too."""
    page = opened(1366, 768)
    for theme in ("light", "dark"):
        page.evaluate("isDark => document.body.classList.toggle('dark', isDark)", theme == "dark")
        page.wait_for_timeout(300)
        assert page.evaluate(FAINT_TEXTS) == []


def test_on_a_phone_the_result_comes_into_view_and_an_error_as_well(opened):
    page = opened(390, 844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and page.evaluate("scrollY") == 0
    set_number(page, "img2img_steps", 2)
    page.locator("#diffdiff_keep_exact").scroll_into_view_if_needed()
    page.locator("#img2img_generate").dispatch_event("click")
    page.wait_for_selector("#img2img_generate_box:not(.generating)")
    page.wait_for_timeout(1000)
    assert in_view(page, "#img2img_gallery img") > 200
    page.locator('#img2img_image button[aria-label="Clear"], #img2img_image button[aria-label="Remove Image"]').click()
    page.locator("#img2img_generate").dispatch_event("click")
    page.wait_for_selector("#preview_alert .error")
    page.wait_for_timeout(1000)
    assert in_view(page, "#preview_alert .error") > 20 and "Choose a picture first." in page.inner_text(
        "#preview_alert"
    )


def test_the_example_is_one_click_away(page):
    page.click("#preview_example")
    page.wait_for_function("document.querySelector('#preview_alert').innerText.includes('Press Generate')")
    infotext = generate(page)["infotexts"][0]
    assert "autumn" in infotext and "Denoising strength: 1" in infotext and "Differential Diffusion" in infotext


def test_suggested_words_go_into_the_prompt(page):
    words = page.locator("#img2img_suggestions button")
    words.filter(has_text="sunset").click()
    words.filter(has_text="lake").click()
    assert page.input_value("#img2img_prompt textarea") == "sunset, lake"


def size(page) -> tuple[float, float]:
    return number(page, "img2img_width"), number(page, "img2img_height")


def test_the_size_is_taken_from_the_picture(page):
    upload(page, picture=photograph((200, 117)))
    page.click("#img2img_detect_image_size_btn")
    assert size(page) == (200, 120)


def test_a_large_picture_keeps_its_shape(page):
    upload(page, picture=Image.new("L", (4000, 2667)))
    page.click("#img2img_detect_image_size_btn")
    assert size(page) == (2048, 1368)


def test_the_size_follows_the_picture_until_the_user_chooses_one(page):
    for box in ("img2img_width", "img2img_height"):
        set_number(page, box, 256)
    upload(page, picture=photograph((600, 400)))
    page.wait_for_function("document.querySelector('#img2img_width input[type=number]').value === '312'")
    assert size(page) == (312, 208)
    set_number(page, "img2img_width", 640)
    page.locator('#img2img_image button[aria-label="Clear"], #img2img_image button[aria-label="Remove Image"]').click()
    upload(page, picture=photograph((256, 256)))
    page.wait_for_timeout(300)
    assert size(page) == (640, 208)


def test_inpaint_upload_changes_only_the_mask(page):
    page.locator("#mode_img2img > .tab-nav button", has_text="Inpaint upload").click()
    upload(page, "img_inpaint_base")
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, (64, 0, 128, 128))
    upload(page, "img_inpaint_mask", mask)
    assert page.evaluate("get_tab_index('mode_img2img')") == 2
    assert "Mask blur: 4" in generate(page)["infotexts"][0]


def test_a_painted_mask_changes_only_what_was_painted(page):
    page.locator("#mode_img2img > .tab-nav button").nth(1).click()
    upload(page, "img2maskimg")
    canvas = page.locator("#img2maskimg canvas[key=mask]").first
    canvas.wait_for(state="attached")
    page.wait_for_timeout(500)
    box = page.locator("#img2maskimg canvas:visible").last.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.8, middle - 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, middle + 40, steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    set_number(page, "img2img_denoising_strength", 1)
    assert "Mask blur: 4" in generate(page)["infotexts"][0]
    page.wait_for_selector("#img2img_gallery img")
    change = np.abs(gallery_picture(page) - np.asarray(PICTURE)).max(-1)
    assert change[:, :64].max() == 0 and change[64, 100:105].mean() > 3


def test_the_page_fits_a_narrow_window(page):
    page.set_viewport_size({"width": 600, "height": 900})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 600
    assert page.locator("#img2img_generate").is_visible()


def test_nothing_is_asked_of_other_servers_before_the_page_works(browser, preview):
    """The page must come up on a machine without a network."""
    context = browser.new_context()
    context.route(lambda url: not url.startswith(preview), lambda route: route.abort())
    page = context.new_page()
    page.goto(preview)
    page.wait_for_selector("#img2img_generate")
    context.close()
