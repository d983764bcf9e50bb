"""The preview's page in a real browser."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from pointwise import photograph

PICTURE = photograph((128, 128))


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
    with page.expect_response(lambda answer: "task(" in (answer.request.post_data or "") and "predict" in answer.url):
        page.click("#img2img_generate")
    page.wait_for_selector("#img2img_generate_box:not(.generating)")
    page.wait_for_timeout(300)
    info = page.locator("#generation_info_img2img textarea").input_value()
    return json.loads(info) if info else {}


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
    page.wait_for_selector("#img2img_generate", state="visible", timeout=10000)
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
    assert "map" in log(page) and page.locator("#img2img_gallery img").count() == 0


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


def test_the_example_is_one_click_away(page):
    page.click("#preview_example")
    page.wait_for_function("document.querySelector('#diffdiff_map textarea').value.startsWith('data:image/png')")
    infotext = generate(page)["infotexts"][0]
    assert "winter" in infotext and "Denoising strength: 1" in infotext and "Differential Diffusion" in infotext


def test_suggested_words_go_into_the_prompt(page):
    words = page.locator("#img2img_suggestions button")
    words.filter(has_text="sunset").click()
    words.filter(has_text="lake").click()
    assert page.input_value("#img2img_prompt textarea") == "sunset, lake"


def test_the_size_is_taken_from_the_picture(page):
    upload(page, picture=photograph((200, 117)))
    page.click("#img2img_detect_image_size_btn")
    assert (number(page, "img2img_width"), number(page, "img2img_height")) == (200, 120)


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
    pixels = page.evaluate(
        "async () => [...new Uint8Array(await (await fetch("
        "document.querySelector('#img2img_gallery img').src)).arrayBuffer())]"
    )
    result = np.asarray(Image.open(io.BytesIO(bytes(pixels))).convert("RGB")).astype(int)
    change = np.abs(result - np.asarray(PICTURE)).max(-1)
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
    page.wait_for_selector("#img2img_generate", timeout=20000)
    context.close()
