"""The painter on the page of a WebUI: what is painted there is what the run gets."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import patience
import pytest
from painter_harness import PainterDriver, distance_to_segment, middles, photo, stroke_on_host_canvas
from PIL import Image, ImageOps
from scipy import ndimage

from webui.page import show_tab

SIDE = 256
STEP = 120
"""Seconds that one step may take."""


@pytest.fixture
def open_page(browser, webui) -> Iterator[Callable[..., PainterDriver]]:
    """Opens the img2img tab with the panel on and, where given, a picture; a page error of ours fails the test."""
    contexts, errors = [], []

    def note(error: object) -> None:
        if "diffdiff" in str(getattr(error, "stack", error)):
            errors.append(error)

    def open_(picture: bytes | None = None, theme: str = "light", **options: object) -> PainterDriver:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1300}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(patience.milliseconds(STEP))
        page.on("pageerror", note)
        page.goto(f"{webui.url}?__theme={theme}")
        page.wait_for_function("globalThis.diffdiff?.painter")  # set by the last script that the host starts for us
        show_tab(page, "img2img")
        page.locator("#diffdiff > .label-wrap").first.click()
        driver = PainterDriver(page)
        driver.root = page.locator("#diffdiff_painter").first
        driver.canvas = driver.root.locator("canvas").first
        if picture is not None:
            upload(page, picture)
            driver.wait()
            driver.canvas.scroll_into_view_if_needed()
        return driver

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def upload(page, picture: bytes, box: str = "img2img_image", kind: str = "image/png") -> None:
    """Put a picture into one of the WebUI's boxes and wait until it is shown there."""
    sources = f"[...document.querySelectorAll('#{box} img')].map(image => image.src).find(Boolean)"
    before = page.evaluate(sources)
    files = page.locator(f"#{box} input[type=file]").first
    files.set_input_files({"name": f"picture.{kind.split('/')[1]}", "mimeType": kind, "buffer": picture})
    page.wait_for_function(f"before => ![undefined, null, before].includes({sources})", arg=before)


def set_numbers(page, **values: float) -> None:
    """Set the tab's sliders, each named by its element id without `img2img_`."""
    for name, value in values.items():
        number = page.locator(f"#img2img_{name} input[type=number]").first
        number.fill(str(value))
        number.press("Tab")


def choose_map(page) -> None:
    """The painter stays, though there is a mask: a choice by hand."""
    page.locator("#diffdiff_source input").first.click()


def generate(page) -> np.ndarray:
    """Run and fetch the gallery's picture.

    Returns:
        uint8 of (height, width, 3).
    """
    shown = page.locator("#img2img_gallery img")
    before = shown.first.get_attribute("src") if shown.count() else None
    page.locator("#img2img_generate").click()
    page.wait_for_function(
        """before => {
            const image = document.querySelector("#img2img_gallery img");
            return image && image.getAttribute("src") !== before;
        }""",
        arg=before,
    )
    page.wait_for_function("!document.querySelector('.progressDiv')")
    bytes_ = page.evaluate("""async () => {
        const reply = await fetch(document.querySelector("#img2img_gallery img").src);
        return Array.from(new Uint8Array(await reply.arrayBuffer()));
    }""")
    return np.asarray(Image.open(io.BytesIO(bytes(bytes_))).convert("RGB")).astype(int)


def test_painting_one_half_changes_only_that_half(open_page):
    painter = open_page(encoded(photo(SIDE, SIDE)))
    page = painter.page
    set_numbers(page, width=SIDE, height=SIDE, steps=8, denoising_strength=0.9)
    painter.press("Rectangle")
    painter.set(Strength=1)
    painter.drag((SIDE / 2, 0), (SIDE, SIDE))
    result = generate(page)
    original = np.asarray(photo(SIDE, SIDE)).astype(int)
    assert np.array_equal(result[:, : SIDE // 2], original[:, : SIDE // 2])
    assert np.abs(result - original)[:, SIDE // 2 + 8 :].mean() > 3
    painter.canvas.scroll_into_view_if_needed()
    painter.press("Undo")  # nothing was lost by generating
    assert painter.sent() == ""
    painter.press("From last result")
    page.wait_for_function("document.querySelector('#diffdiff_map textarea').value")
    luminance = np.asarray(Image.fromarray(result.astype(np.uint8)).convert("L")).astype(int)
    assert np.abs(painter.received() - luminance).max() <= 1


def test_every_tool_does_on_this_page_what_it_should(open_page):
    painter = open_page(encoded(photo(SIDE, SIDE)))
    x, y = middles(SIDE, SIDE)
    expected = np.zeros((SIDE, SIDE))
    unsure = np.zeros((SIDE, SIDE), bool)  # pixels an edge runs through: pointers stand on whole CSS pixels

    def paint(value: float | np.ndarray, inside: np.ndarray, edge: np.ndarray) -> None:
        nonlocal expected, unsure
        expected = np.where(inside, value, expected)
        unsure |= edge < 1.5

    def check(tolerance: float = 0) -> None:
        received = painter.received()
        assert np.abs(received - expected)[~unsure].max() <= tolerance
        assert unsure.mean() < 0.15

    painter.set(Strength=0.4, Size=30, Hardness=1, Opacity=1)
    painter.drag((40, 40), (200, 60))
    distance = distance_to_segment(x, y, (40, 40), (200, 60))
    paint(102, distance <= 15, np.abs(distance - 15))
    check()

    painter.press("Rectangle")
    painter.set(Strength=0.8)
    painter.drag((20, 120), (120, 220))
    outside = np.maximum(np.abs(x - 70), np.abs(y - 170)) - 50
    paint(204, outside <= 0, np.abs(outside))
    check()

    painter.press("Ellipse")
    painter.set(Strength=0.6)
    painter.drag((140, 120), (240, 220))
    distance = np.hypot(x - 190, y - 170)
    paint(153, distance <= 50, np.abs(distance - 50))
    check()

    painter.press("Eraser")
    painter.set(Size=40)
    painter.click(190, 170)
    distance = np.hypot(x - 190, y - 170)
    paint(0, distance <= 20, np.abs(distance - 20))
    check()

    painter.press("Lasso")
    painter.set(Strength=1)
    corners = [(40, 140), (100, 140), (40, 200)]
    painter.drag(*corners, corners[0])
    inside = (x > 40) & (y > 140) & (x + y < 240)
    sides = zip(corners, [*corners[1:], corners[0]])
    paint(255, inside, np.min([distance_to_segment(x, y, a, b) for a, b in sides], axis=0))
    check()

    painter.press("Fill")
    painter.root.get_by_label("Similar by").select_option("map")
    painter.set(Strength=0.2, Tolerance=0.02)
    painter.click(110, 210)  # what the lasso left of the rectangle
    expected = np.where(expected == 204, 51, expected)
    check()

    painter.press("Invert")
    expected = 255 - expected
    check()

    painter.press("Levels")
    painter.set(Black=0.1, White=0.9, Gamma=1)
    painter.press("Apply")
    painter.press("Undo")
    check()
    painter.press("Redo")
    expected = 255 * np.clip((expected / 255 - 0.1) / 0.8, 0, 1)
    check(tolerance=0.51)

    painter.press("Clear")
    assert painter.sent() == ""
    unsure = np.zeros((SIDE, SIDE), bool)

    painter.press("Gradient")
    painter.set(Strength=1, Second_strength=0.5)
    painter.drag((30, 128), (230, 128))
    expected = 255 * (1 - 0.5 * np.clip((x - 30) / 200, 0, 1))
    check(tolerance=2)

    painter.press("Radial gradient")
    painter.set(Strength=0, Second_strength=1)
    painter.drag((128, 128), (228, 128))
    expected = 255 * np.clip(np.hypot(x - 128, y - 128) / 100, 0, 1)
    check(tolerance=3)

    painter.press("Blur")
    painter.set(Radius=6)
    painter.press("Apply")
    expected = ndimage.gaussian_filter(expected, 6, mode="nearest")
    check(tolerance=5)

    painter.set(Strength=0.3)
    painter.press("Fill all")
    expected = np.full((SIDE, SIDE), 77.0)
    check()


def test_fill_by_the_colour_of_the_hosts_picture(open_page):
    y, x = np.mgrid[:SIDE, :SIDE]
    rings = (np.hypot(x - SIDE / 2, y - SIDE / 2) // 20).astype(int)
    colours = np.array([[200, 40, 40], [40, 40, 200], [205, 45, 38], [230, 230, 60]], np.uint8)
    painter = open_page(encoded(Image.fromarray(colours[rings % 4])))
    painter.press("Fill")
    painter.root.get_by_label("Similar by").select_option("picture")
    painter.set(Strength=0.4, Tolerance=0.05)
    painter.click(SIDE / 2 + 30, SIDE / 2)
    expected = np.where(rings == 1, 102, 0)
    assert np.array_equal(painter.received(), expected), "the next ring of this colour is not joined to it"
    painter.set(Strength=1)
    painter.click(SIDE / 2 + 50, SIDE / 2)
    assert np.array_equal(painter.received(), np.where(rings == 2, 255, expected)), "nor the middle, which is alike"


def test_the_painter_follows_tabs_and_takes_the_inpaint_mask(open_page):
    painter = open_page(encoded(photo(SIDE, SIDE)))
    page = painter.page
    painter.set(Strength=0.6)
    painter.press("Fill all")
    before = painter.received()
    upload_tab = page.locator("#mode_img2img > .tab-nav button", has_text="upload").first
    upload_tab.click()
    page.locator("#img_inpaint_base").wait_for()
    upload(page, encoded(photo(320, 200)), "img_inpaint_base")
    notice = painter.root.get_by_role("status")
    notice.filter(has_text="320 × 200").wait_for()
    page.locator("#mode_img2img > .tab-nav button").first.click()
    notice.wait_for(state="hidden")
    assert np.array_equal(painter.received(), before)
    upload_tab.click()
    painter.press("Drop")
    mask = np.zeros((200, 320), np.uint8)
    mask[50:120, 30:200] = 255
    choose_map(page)
    upload(page, encoded(Image.fromarray(mask).convert("RGB")), "img_inpaint_mask")
    painter.press("From inpaint mask")
    assert np.array_equal(painter.received(), mask)


@pytest.mark.parametrize("width, height", [(419, 262), (160, 100), (777, 301)])
def test_a_mask_of_another_size_stays_one_at_the_pictures_size(open_page, width, height):
    painter = open_page()
    page = painter.page
    page.locator("#mode_img2img > .tab-nav button", has_text="upload").first.click()
    choose_map(page)
    mask = np.zeros((200, 320), np.uint8)
    mask[50:120, 30:200] = 255
    upload(page, encoded(photo(320, 200)), "img_inpaint_base")
    upload(page, encoded(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)), "img_inpaint_mask")
    painter.press("From inpaint mask")
    received = painter.received()
    assert np.isin(received, (0, 255)).all()
    assert not ((received != mask) & (ndimage.morphological_gradient(mask, 5) == 0)).any()


def test_an_exif_turned_jpeg_lines_up_with_what_the_host_makes_of_it(open_page):
    stored = Image.new("RGB", (SIDE, 192), "white")
    stored.paste("red", (0, 0, 96, 64))
    exif = Image.Exif()
    exif[274] = 6
    painter = open_page()
    page = painter.page
    file = encoded(stored, "JPEG", exif=exif, quality=95)
    upload(page, file, kind="image/jpeg")
    painter.wait()
    assert painter.size() == (192, SIDE)
    set_numbers(page, width=192, height=SIDE, steps=4, denoising_strength=0.9)
    painter.canvas.scroll_into_view_if_needed()
    painter.press("Rectangle")
    painter.set(Strength=1)
    painter.drag((0, 96), (192, SIDE))  # all below the red corner
    result = generate(page)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file)))).astype(int)
    assert np.abs(result[:96] - turned[:96]).max() <= 2  # the browser's JPEG decoder is not quite Pillow's
    assert np.abs(result[104:] - turned[104:]).mean() > 3


def test_a_mask_painted_in_the_inpaint_tab_becomes_the_map(open_page):
    painter = open_page()
    page = painter.page
    if not page.locator("#img2maskimg :is(.forge-container, [data-testid=image])").count():
        pytest.skip("this page has no canvas to paint masks on")
    page.locator("#mode_img2img > .tab-nav button", has_text="Inpaint").first.click()
    upload(page, encoded(photo(SIDE, SIDE)), "img2maskimg")
    page.wait_for_timeout(3000)  # the hosts' canvases empty themselves once more after they have shown the picture
    choose_map(page)
    stroke_on_host_canvas(page, "img2maskimg", 0.25, 0.75, height=0.25)
    painter.wait()
    painter.canvas.scroll_into_view_if_needed()
    painter.press("From inpaint mask")
    received = painter.received()
    assert np.isin(received, (0, 255)).all()
    y, x = np.nonzero(received)
    assert received.shape == (SIDE, SIDE)
    assert abs(x.mean() - SIDE / 2) < 8 and abs(y.mean() - SIDE / 4) < 12
    assert SIDE / 2 - 5 < np.ptp(x) < SIDE / 2 + 110  # the stroke, and the width of the host's brush: 100 on Forge Neo


def test_the_panels_choices_stand_in_one_line_at_1366(open_page):
    page = open_page(viewport={"width": 1366, "height": 768}).page
    for box in ("source", "polarity", "softness_side", "keep_exact", "show_change"):
        lines = page.locator(f"#diffdiff_{box} label span:visible").evaluate_all(
            "spans => [...new Set(spans.map((span) => Math.round(span.getBoundingClientRect().bottom / 8)))]"
        )
        assert len(lines) == 1, (box, lines)
        heights = page.locator(f"#diffdiff_{box} label:visible").evaluate_all(
            "labels => labels.map((label) => label.getBoundingClientRect().height)"
        )
        assert max(heights) < 45, box


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_hosts_themes_leave_the_painter_readable(open_page, theme):
    painter = open_page(encoded(photo(SIDE, SIDE)), theme=theme)
    assert painter.page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    assert painter.least_contrast() >= 4.5
