"""Which map is in force: whatever happens, in any order, what the painter shows is what Python gets."""

import base64
import io
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from painter_harness import NOISE, PainterDriver, data_url, decode_map, middles, photo, serve
from PIL import Image

from differential_diffusion import change_map

SIDE = 256


@pytest.fixture(scope="module")
def harness() -> Iterator[str]:
    with serve() as address:
        yield address


@pytest.fixture
def open_page(browser, harness) -> Iterator[Callable[..., PainterDriver]]:
    """Opens the painter's page, without a picture unless one is given; a page error fails the test."""
    contexts, errors = [], []

    def open_(picture: Image.Image | None = None, script: str = "") -> PainterDriver:
        contexts.append(browser.new_context(viewport={"width": 700, "height": 1000}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.add_init_script(script)
        page.goto(harness)
        driver = PainterDriver(page)
        if picture is not None:
            show(page, picture)
            driver.wait()
            page.wait_for_timeout(200)
        return driver

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def show(page, picture: Image.Image | None, box: str = "img2img_image") -> None:
    page.evaluate("([box, source]) => setPicture(box, source)", [box, picture and data_url(picture)])


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def strength_at(painter: PainterDriver, x: float, y: float) -> float:
    return painter.page.evaluate("([x, y]) => diffdiff.painter.strengthAt(x, y)", [*painter.client(x, y)])


def ramp(width: int = SIDE, height: int = SIDE) -> np.ndarray:
    return np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)


def paint(painter: PainterDriver) -> np.ndarray:
    painter.press("Rectangle")
    painter.set(Strength=0.6)
    painter.drag((40, 50), (200, 180))
    return painter.received()


@pytest.mark.parametrize("size", [(96, 64), (31, 90), (64, 17), (200, 150), (25, 10)])
def test_a_map_of_another_size_comes_to_the_pictures_as_in_python(open_page, size):
    """To one grey value, and black where it covers nothing but black, whether it shrinks or grows."""
    dice = np.random.default_rng(size)
    grey = np.where(dice.random((40, 50)) < 0.5, 0, dice.integers(128, 256, (40, 50))).astype(np.uint8)
    script = """([pixels, width, height]) => {
        const source = { width: 50, height: 40, pixels: Uint8Array.from(pixels) };
        return Array.from(diffdiff.resample(source, width, height));
    }"""
    ours = open_page().page.evaluate(script, [grey.ravel().tolist(), *size])
    right = change_map.resample(grey.astype(np.float32), change_map.Extent(*size))
    assert np.abs(np.reshape(ours, right.shape) - right).max() <= 1
    assert np.array_equal(np.reshape(ours, right.shape) > 0, right >= 0.5)


# ---- files ----


def test_a_file_before_the_picture_is_never_lost(open_page):
    """Fifty times, on a fresh painter each: picture and file in random order, a random time apart."""
    dice = random.Random(5)
    painter = open_page()
    page = painter.page
    picture = data_url(photo(SIDE, SIDE))
    for number in range(50):
        grey = np.roll(ramp(*((SIDE, SIDE) if number % 3 else (90, 70))), 7 * number)
        page.reload()
        page.wait_for_timeout(dice.choice([0, 0, 50, 300]))
        file = encoded(Image.fromarray(grey))
        events = [lambda: show_source(page, picture), lambda file=file: painter.give(file)]
        dice.shuffle(events)
        events[0]()
        page.wait_for_timeout(dice.choice([0, 0, 10, 40, 90, 110, 160, 310]))
        events[1]()
        page.wait_for_timeout(dice.choice([0, 30, 60]))
        page.locator("#img2img_generate").click()
        page.wait_for_function("generated.length === 1")
        assert np.array_equal(decode_map(page.evaluate("generated[0]")), grey), number
        painter.wait()
        assert np.array_equal(decode_map(page.locator("#diffdiff_map textarea").input_value()), grey), number
        assert painter.notice() == ""


def show_source(page, source: str) -> None:
    page.evaluate("source => setPicture('img2img_image', source)", source)


KINDS = {
    "16 bits": lambda: encoded(Image.fromarray((ramp().astype(np.int32) * 257).astype(np.uint16))),
    "palette": lambda: encoded(photo(SIDE, SIDE).quantize(17)),
    "alpha": lambda: encoded(with_alpha(photo(SIDE, SIDE))),
    "alpha alone": lambda: encoded(with_alpha(Image.new("RGB", (SIDE, SIDE)))),
    "CMYK": lambda: encoded(photo(SIDE, SIDE).convert("CMYK"), "JPEG", quality=95),
    "turned by EXIF": lambda: encoded(photo(SIDE, 190), "JPEG", exif=turned()),
    "animated": lambda: encoded(
        photo(SIDE, SIDE), "GIF", save_all=True, append_images=[Image.new("RGB", (SIDE, SIDE))]
    ),
    "floats": lambda: encoded(Image.fromarray(ramp().astype(np.float32) / 255), "TIFF"),
    "black": lambda: encoded(Image.new("L", (SIDE, SIDE))),
    "of another size": lambda: encoded(Image.fromarray(ramp(333, 77))),
}


def with_alpha(picture: Image.Image) -> Image.Image:
    picture.putalpha(Image.fromarray(ramp()))
    return picture


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_the_map_that_a_request_with_it_has(open_page, kind):
    painter = open_page(photo(SIDE, SIDE), script=NOISE)
    file = KINDS[kind]()
    painter.give(file)
    expected = change_map.decode(base64.b64encode(file).decode())
    assert np.array_equal(painter.received(), expected)
    if expected.shape == (SIDE, SIDE):
        x, y = 101.5, 203.5
        assert strength_at(painter, x, y) == expected[int(y), int(x)] / 255
        painter.press("Invert")
        assert np.array_equal(painter.received(), 255 - expected)


def test_what_is_painted_is_exact_where_a_canvas_is_not(open_page):
    painter = open_page(photo(SIDE, SIDE), script=NOISE)
    assert set(np.unique(paint(painter))) == {0, 153}


def drop_file(painter: PainterDriver, file: bytes, name: str, kind: str) -> None:
    painter.page.evaluate(
        """([text, name, type]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, { type }));
            const target = document.querySelector("#diffdiff_painter .diffdiff-readout");
            for (const kind of ["dragenter", "dragover", "drop"]) {
                target.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
            }
        }""",
        [base64.b64encode(file).decode(), name, kind],
    )


def paste_file(painter: PainterDriver, file: bytes) -> None:
    painter.page.evaluate(
        """text => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
            const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
            document.activeElement.dispatchEvent(paste);
        }""",
        base64.b64encode(file).decode(),
    )


@pytest.mark.parametrize("with_picture", [True, False])
def test_a_file_is_dropped_on_the_painter(open_page, with_picture):
    painter = open_page(photo(SIDE, SIDE) if with_picture else None)
    drop_file(painter, encoded(Image.fromarray(ramp())), "ramp.png", "image/png")
    assert np.array_equal(painter.received(), ramp())


def test_a_picture_is_pasted_where_the_pointer_is(open_page):
    painter = open_page(photo(SIDE, SIDE))
    painter.page.mouse.move(0, 0)
    paste_file(painter, encoded(Image.fromarray(ramp())))
    assert painter.sent() == "", "the clipboard is the host's where the pointer is not over the painter"
    painter.page.mouse.move(*painter.client(100, 100))
    paste_file(painter, encoded(Image.fromarray(ramp())))
    assert np.array_equal(painter.received(), ramp())


@pytest.mark.parametrize("with_picture", [True, False])
def test_what_is_no_picture_is_refused_in_one_sentence(open_page, with_picture):
    painter = open_page(photo(SIDE, SIDE) if with_picture else None)
    drop_file(painter, b"milk, eggs", "shopping.txt", "text/plain")
    painter.hears("shopping.txt")
    assert painter.notice().startswith("“shopping.txt” cannot be used as a map: ")
    assert not set("/\\<>") & set(painter.notice()), "no paths and no names of Python's"
    painter.press("OK")
    assert painter.notice() == "" and painter.sent() == ""


# ---- which map is in force ----


def test_a_file_waits_for_its_picture_and_says_so(open_page):
    painter = open_page()
    painter.give(encoded(Image.fromarray(ramp(90, 70))), "ramp.png")
    painter.hears("ramp.png")
    assert painter.notice() == "The map ramp.png (90 × 70) is in use, for the picture to come. Drop"
    painter.press("Drop")
    assert painter.notice() == "" and painter.sent() == ""


def test_before_there_is_a_picture_a_map_can_be_imported_and_full_screen_left(open_page):
    painter = open_page()
    page = painter.page
    names = [button.get_attribute("aria-label") for button in painter.root.get_by_role("button").all()]
    assert names == ["Import map"]
    with page.expect_file_chooser() as chooser:
        painter.press("Import map")
    chooser.value.set_files({"name": "map.png", "mimeType": "image/png", "buffer": encoded(Image.fromarray(ramp()))})
    page.wait_for_function("diffdiff.painter.inForce !== null")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("diffdiff.painter.openFull()")
    page.locator(".diffdiff-full").wait_for()
    words = painter.root.locator(".diffdiff-readout").bounding_box()
    size = page.viewport_size
    assert words["x"] >= 0 and words["x"] + words["width"] <= size["width"]
    assert abs(words["x"] + words["width"] / 2 - size["width"] / 2) < 20
    assert abs(words["y"] + words["height"] / 2 - size["height"] / 2) < size["height"] / 4
    page.get_by_role("button", name="Leave full screen").click()
    assert page.locator(".diffdiff-full").count() == 0


@pytest.mark.parametrize("way", ["Undo", "Clear", "the eraser"])
def test_nothing_painted_is_no_map(open_page, way):
    painter = open_page(photo(SIDE, SIDE))
    painter.press("Brush")
    painter.set(Size=30)
    painter.drag((100, 100), (150, 150))
    assert painter.sent()
    if way == "the eraser":
        painter.press("Eraser")
        painter.set(Size=256, Hardness=1)
        painter.drag((125, 125), (126, 126))
    else:
        painter.press(way)
    assert painter.sent() == ""
    show(painter.page, photo(SIDE, SIDE).rotate(90))
    painter.page.wait_for_timeout(400)
    assert painter.notice() == "", "there is no map to ask about"


@pytest.mark.parametrize("choice", ["Keep", "Drop"])
@pytest.mark.parametrize("size", [(SIDE, SIDE), (150, 100)])
@pytest.mark.parametrize("from_file", [False, True])
def test_another_picture_asks_what_becomes_of_the_map(open_page, size, choice, from_file):
    painter = open_page(photo(SIDE, SIDE))
    if from_file:
        painter.give(encoded(Image.fromarray(ramp())))
        before = painter.received()
    else:
        before = paint(painter)
    show(painter.page, photo(*size).rotate(180))
    assert np.array_equal(painter.received(), before), "in force until it is dropped"
    stretched = "" if size == (SIDE, SIDE) else f" ({SIDE} × {SIDE})"
    assert painter.notice().startswith(f"The map of the picture before{stretched} is in use")
    painter.press(choice)
    assert painter.notice() == ""
    if choice == "Drop":
        assert painter.sent() == ""
        return
    kept = change_map.resample(before.astype(np.float32), change_map.Extent(*size))
    assert np.abs(strength_at(painter, 75.5, 60.5) * 255 - kept[60, 75]) <= 1
    painter.press("Invert")
    assert np.abs(painter.received() - (255 - kept)).max() <= 1


def test_a_removed_picture_leaves_the_map_with_a_word_and_the_same_picture_takes_it_back(open_page):
    painter = open_page(photo(SIDE, SIDE))
    before = paint(painter)
    show(painter.page, None)
    assert np.array_equal(painter.received(), before)
    assert painter.notice() == "The map of the picture before is still in use. Drop"
    assert not painter.canvas.is_visible()
    show(painter.page, photo(SIDE, SIDE))
    assert np.array_equal(painter.received(), before)
    assert painter.notice() == ""
    painter.press("Undo")
    assert painter.sent() == ""


def test_dropping_the_map_after_the_picture_was_removed(open_page):
    painter = open_page(photo(SIDE, SIDE))
    paint(painter)
    show(painter.page, None)
    painter.page.wait_for_timeout(300)
    painter.press("Drop")
    assert painter.sent() == "" and painter.notice() == ""


def test_going_to_another_tab_and_back_keeps_the_map(open_page):
    painter = open_page(photo(SIDE, SIDE))
    before = paint(painter)
    page = painter.page
    show(page, photo(300, 200), "img2img_sketch")
    page.evaluate("showTab('img2img_sketch')")
    painter.hears("300 × 200")
    page.evaluate("showTab('inpaint_sketch')")  # a tab without a picture
    assert np.array_equal(painter.received(), before)
    assert "still in use" in painter.notice()
    page.evaluate("showTab('img2img_image')")
    page.wait_for_timeout(400)
    assert painter.notice() == ""
    painter.press("Undo")
    painter.press("Redo")
    assert np.array_equal(painter.received(), before)


def test_white_keeps_turns_a_file_round_and_not_what_is_painted(open_page):
    painter = open_page(photo(SIDE, SIDE))
    polarity = painter.page.locator("#diffdiff_polarity")
    painter.give(encoded(Image.fromarray(ramp())))
    painter.page.wait_for_timeout(400)
    assert strength_at(painter, 50.5, 60.5) == 110 / 255
    polarity.get_by_label("White keeps").check()
    assert np.array_equal(painter.received(), ramp())
    assert strength_at(painter, 50.5, 60.5) == 145 / 255
    polarity.get_by_label("White changes").check()
    painter.page.wait_for_timeout(400)
    painter.press("Clear")
    before = paint(painter)
    polarity.get_by_label("White keeps").check()
    assert np.array_equal(painter.received(), 255 - before)
    assert strength_at(painter, 50.5, 60.5) == before[60, 50] / 255


def test_a_picture_that_comes_while_the_panel_is_closed(open_page):
    painter = open_page()
    page = painter.page
    page.wait_for_timeout(200)
    page.locator("#diffdiff summary").click()
    show(page, photo(SIDE, SIDE))
    page.wait_for_timeout(300)
    painter.give(encoded(Image.fromarray(ramp())))
    page.wait_for_timeout(300)
    show(page, photo(100, 80))
    page.wait_for_timeout(300)
    page.locator("#diffdiff summary").click()
    assert np.array_equal(painter.received(), ramp())
    assert "(100 × 80)" in painter.notice()


def test_dragging_from_a_little_outside_of_the_picture(open_page):
    painter = open_page(photo(SIDE, SIDE))
    painter.press("Rectangle")
    painter.set(Strength=1)
    painter.drag((-1, -1), (100.2, 60.2))
    x, y = middles(SIDE, SIDE)
    received = painter.received()
    assert (received[(x < 99) & (y < 59)] == 255).all() and (received[(x > 101) | (y > 61)] == 0).all()
