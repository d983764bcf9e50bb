"""The panel's live picture of the change map, in a real browser, against what Python makes of the same settings."""

import itertools
import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
from painter_harness import NOISE, data_url, serve
from PIL import Image

from differential_diffusion import change_map, fan, plan, settings
from differential_diffusion.change_map import Extent, ResizeMode
from differential_diffusion.fan import Axis

SIZE = Extent(160, 120)
"""Small enough to be shown pixel by pixel."""


def grey_map() -> np.ndarray:
    grey = np.zeros((SIZE.height, SIZE.width), np.uint8)
    grey[30:90, 40:110] = 255
    grey[60:110, 90:150] = 128
    return grey


def rectangle_mask() -> np.ndarray:
    mask = np.zeros((SIZE.height, SIZE.width), np.uint8)
    mask[20:100, 60:140] = 255
    return mask


PHOTO = Image.fromarray(np.random.default_rng(1).integers(0, 256, (SIZE.height, SIZE.width, 3), dtype=np.uint8))


class Panel:
    """The page with the WebUI's element ids and the panel's fields."""

    def __init__(self, page) -> None:
        self.page = page

    def put(self, box: str, picture: Image.Image) -> None:
        self.page.evaluate(
            "([box, url]) => document.getElementById(box).replaceChildren(Object.assign(new Image(), { src: url }))",
            [box, data_url(picture)],
        )

    def show(self, box: str) -> None:
        """Show one of the img2img tabs."""
        self.page.evaluate(
            """box => ["img2img_image", "img_inpaint_base"].forEach((id) => {
                document.getElementById(id).style.display = id === box ? "block" : "none";
            })""",
            box,
        )

    def write(self, **values: object) -> None:
        """Set fields by name, without any event, as Python does."""
        for name, value in values.items():
            if name == "map":
                self.take(str(value))
                continue
            field = self.page.locator(f"#diffdiff_{name}, #img2img_{name}, #{name}").first
            field.evaluate(
                """(field, value) => {
                    const choice = [...field.querySelectorAll("input[type=radio]")].find((one) => one.value === value);
                    if (choice) choice.checked = true;
                    else field.querySelector("textarea, input").value = value;
                }""",
                str(value),
            )

    def take(self, url: str) -> None:
        """Give the painter a map's file."""
        self.page.evaluate(
            "async url => diffdiff.painter.take(new File([await (await fetch(url)).blob()], 'map.png'))", url
        )

    def settle(self) -> None:
        self.page.wait_for_timeout(500)

    def canvas(self, number: int) -> np.ndarray:
        """One of the two small pictures, uint8 (H, W, 4)."""
        width, height, values = self.page.evaluate(
            """number => {
                const canvas = document.querySelectorAll("#diffdiff_preview canvas")[number];
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return [canvas.width, canvas.height, Array.from(data)];
            }""",
            number,
        )
        return np.array(values, np.uint8).reshape(height, width, 4)

    @property
    def map(self) -> np.ndarray:
        """The map that is shown, 0..1."""
        return self.canvas(0)[..., 0] / 255

    @property
    def words(self) -> str:
        return self.page.locator("#diffdiff_preview").inner_text().strip()


@pytest.fixture(scope="module")
def address():
    with serve() as url:
        yield url


@pytest.fixture
def panel(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 1300})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{address}panel")
    panel = Panel(page)
    panel.put("img2img_image", PHOTO)
    panel.put("img_inpaint_base", PHOTO)
    yield panel
    context.close()
    assert not errors


def expected(mask: np.ndarray | None = None, **values) -> np.ndarray:
    """The change map that Python makes, 0..1."""
    parsed = settings.parse(values)
    return plan.compose(parsed, None if mask is None else mask.astype(np.float32) / 255, SIZE)


def eventually(check: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds: a busy machine takes its time."""
    for _ in range(100):
        if check():
            return True
        time.sleep(0.1)
    return False


def close(shown: np.ndarray, right: np.ndarray) -> bool:
    """Equal to one grey value."""
    return shown.shape == right.shape and np.abs(shown - right).max() <= 1.5 / 255


@pytest.mark.parametrize("side", ["both", "outwards", "inwards"])
@pytest.mark.parametrize("softness", [0, 1, 7.5, 40])
@pytest.mark.parametrize("polarity", ["white changes", "white keeps"])
def test_the_map_as_python_makes_it(panel, side, softness, polarity):
    url = data_url(Image.fromarray(grey_map()))
    panel.write(map=url, softness=softness, softness_side=side, polarity=polarity)
    right = expected(map=url, softness=softness, softness_side=side, polarity=polarity)
    assert eventually(lambda: close(panel.map, right))


@pytest.mark.parametrize("levels", [{"gamma": 2.5}, {"black": 0.3, "white": 0.6, "gamma": 0.4}])
def test_levels_before_softness(panel, levels):
    ramp = np.tile(np.linspace(0, 255, SIZE.width).round().astype(np.uint8), (SIZE.height, 1))
    values = {"map": data_url(Image.fromarray(ramp)), "softness": 5} | levels
    panel.write(**values)
    right = expected(**values)
    assert eventually(lambda: close(panel.map, right))
    panel.write(black=1)
    assert eventually(lambda: panel.words == "Levels: black must be below white.")


@pytest.mark.parametrize("is_inverted", [False, True])
def test_the_mask_of_the_inpaint_tab(panel, is_inverted):
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(rectangle_mask()))
    mode = "Inpaint not masked" if is_inverted else "Inpaint masked"
    panel.write(source="mask", softness=6, minimum=0.1, mask_mode=mode)
    mask = 255 - rectangle_mask() if is_inverted else rectangle_mask()
    right = expected(mask, source="mask", softness=6, minimum=0.1)
    assert eventually(lambda: close(panel.map, right))


@pytest.mark.parametrize("side", ["both", "outwards", "inwards"])
@pytest.mark.parametrize("softness", [0, 1, 7.5, 20])
def test_the_soft_edge_of_a_mask_with_greys(panel, side, softness):
    mask = rectangle_mask()
    mask[:, 100:] //= 3
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(mask))
    panel.write(source="mask", softness=softness, softness_side=side)
    right = expected(mask, source="mask", softness=softness, softness_side=side)
    assert eventually(lambda: close(panel.map, right))


def test_a_map_inside_a_mask(panel):
    url = data_url(Image.fromarray(grey_map()))
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(rectangle_mask()))
    panel.write(map=url, softness=3)
    right = expected(rectangle_mask(), map=url, softness=3)
    assert eventually(lambda: close(panel.map, right))


@pytest.mark.parametrize("axis", ["columns", "rows"])
def test_a_fan_over_the_map(panel, axis):
    url = data_url(Image.fromarray(grey_map()))
    panel.write(source="fan", map=url, fan_axis=axis, fan_strengths="0.9, 0.3, 0.6, 0.1", softness=4)
    change = expected(source="fan", map=url, softness=4)
    right = change * fan.Layout.over(change, (0.9, 0.3, 0.6, 0.1), Axis(axis)).strengths_of_cells(SIZE)
    assert eventually(lambda: close(panel.map, right))


def test_a_large_picture_is_shown_small(panel):
    big = np.zeros((1200, 1600), np.uint8)
    big[300:900, 400:1100] = 255
    panel.put("img2img_image", PHOTO.resize((1600, 1200)))
    panel.write(map=data_url(Image.fromarray(big)), softness=60)
    right = change_map.resample(change_map.soften(big.astype(np.float32) / 255, 60), Extent(192, 144))
    assert eventually(lambda: panel.map.shape == right.shape and np.abs(panel.map - right).max() <= 0.02)


def test_the_outline_lies_where_the_change_ends(panel):
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(rectangle_mask()))
    panel.write(source="mask", softness=5, softness_side="outwards")
    right = expected(rectangle_mask(), source="mask", softness=5, softness_side="outwards")
    assert eventually(lambda: close(panel.map, right))
    picture = panel.canvas(1)[..., :3]
    orange = (picture == (249, 115, 22)).all(axis=2)
    white = (picture == 255).all(axis=2)
    row = np.flatnonzero(orange[60]), np.flatnonzero(right[60] > 0.5 / 255)
    assert abs(row[0][0] - row[1][0]) <= 1 and abs(row[0][-1] - row[1][-1]) <= 1
    assert white[60, 59:61].all() and white[60, 139:141].all(), "full strength from the mask's own border on"
    untouched = ~(orange | white)
    assert (picture[untouched] == np.asarray(PHOTO)[untouched]).all()


@pytest.mark.parametrize("source", ["map", "mask", "fan"])
@pytest.mark.parametrize(("mode", "canvas"), [("Resize and fill", (192, 120)), ("Crop and resize", (120, 120))])
def test_the_map_has_the_shape_of_the_result(panel, source, mode, canvas):
    """What "Resize and fill" adds changes fully, softly from inside of the picture on; what is cropped is not shown."""
    values = {"source": source, "softness": 5, "fan_strengths": "0.9, 0.3"}
    mask = None
    if source == "mask":
        mask = rectangle_mask()
        panel.show("img_inpaint_base")
        panel.put("img_inpaint_mask", Image.fromarray(mask))
    else:
        values["map"] = data_url(Image.fromarray(grey_map()))
    panel.write(**values, resize_mode=mode, width=canvas[0], height=canvas[1])
    size, resize = Extent(*canvas), ResizeMode.FILL if mode == "Resize and fill" else ResizeMode.CROP
    covered = change_map.placement(SIZE, resize, size)
    on_canvas = change_map.to_canvas(expected(mask, **values), resize, size)
    right = plan.outpainted(on_canvas, covered, values["softness"])
    if source == "fan":
        right = right * fan.Layout.over(right, (0.9, 0.3), Axis.COLUMNS).strengths_of_cells(size)
    assert eventually(lambda: close(panel.map, right))
    columns = np.clip(np.arange(canvas[0]) - covered.x, 0, SIZE.width - 1)
    shown, photo = panel.canvas(1)[..., :3], np.asarray(PHOTO)[:, columns]
    lines = np.array([(249, 115, 22), (255, 255, 255)])
    assert ((shown == photo).all(2) | (shown[:, :, None] == lines).all(3).any(2)).all()


def test_only_masked_is_pasted_back_into_the_whole_picture(panel):
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(rectangle_mask()))
    panel.write(source="mask", resize_mode="Resize and fill", inpaint_full_res="Only masked")
    assert eventually(lambda: close(panel.map, expected(rectangle_mask(), source="mask")))


def test_a_canvas_that_is_noised_changes_nothing(browser, address):
    """As some browsers do, so that pages cannot recognise them."""
    context = browser.new_context(viewport={"width": 1280, "height": 1300})
    page = context.new_page()
    page.add_init_script(NOISE)
    page.goto(f"{address}panel")
    panel = Panel(page)
    panel.put("img_inpaint_base", PHOTO)
    panel.put("img2img_image", PHOTO)
    panel.write(map=data_url(Image.fromarray(grey_map())), denoising_strength=1)
    assert eventually(lambda: "Darkest part: 0 of 20 steps. Brightest: 20." in panel.words)
    panel.show("img_inpaint_base")
    panel.put("img_inpaint_mask", Image.fromarray(rectangle_mask()))
    panel.page.locator("#diffdiff_source input[value=mask]").click()
    panel.write(steps=30)
    assert eventually(lambda: "Darkest part: 0 of 30 steps. Brightest: 30." in panel.words)
    context.close()


class TestWords:
    def test_steps_of_the_darkest_and_the_brightest_part(self, panel):
        grey = np.full((SIZE.height, SIZE.width), 128, np.uint8)
        grey[:, :80] = 64
        panel.write(map=data_url(Image.fromarray(grey)), steps=20, denoising_strength=0.8)
        strengths = [0.8 * value / 255 for value in (64, 128)]
        least, most = (int(strength * 20) + 1 for strength in strengths)
        peak = "at 50 % of the denoising strength"
        assert eventually(lambda: f"Darkest part: {least} of 20 steps. Brightest: {most}, {peak}." in panel.words)
        panel.write(denoising_strength=1)
        assert eventually(lambda: f"Darkest part: 6 of 20 steps. Brightest: 11, {peak}." in panel.words)

    def test_a_kept_part_gets_no_step(self, panel):
        panel.write(map=data_url(Image.fromarray(grey_map())), denoising_strength=1)
        assert eventually(lambda: "Darkest part: 0 of 20 steps. Brightest: 20." in panel.words)

    def test_few_steps_are_few_strengths(self, panel):
        """int(S * steps) tells two strengths apart: at 4 steps of 0.75 the greys 1, 85, 170 and 255 are the first of
        their kind."""
        ramp = np.tile(np.linspace(0, 255, SIZE.width).round().astype(np.uint8), (SIZE.height, 1))
        panel.write(map=data_url(Image.fromarray(ramp)), steps=4, denoising_strength=0.75)
        assert eventually(lambda: "4 strengths can be told apart: greys from 1, 85, 170 and 255 on." in panel.words)
        free = np.where(ramp > 0, np.floor(ramp / 255 * 0.75 * 4 + 1e-9) + 1, 0)
        assert np.abs(panel.canvas(2)[..., 0] - 255 * free / 4).max() <= 1
        panel.write(steps=1)
        assert eventually(lambda: "1 strength can be told apart: grey 1 and above." in panel.words)
        panel.write(steps=20)
        assert eventually(lambda: "16 strengths can be told apart." in panel.words)
        assert not panel.page.locator("#diffdiff_preview canvas").nth(2).is_visible()

    def test_a_fan_does_without_the_slider(self, panel):
        panel.write(source="fan", fan_strengths="0.25 0.5", denoising_strength=0.1)
        assert eventually(lambda: "Darkest part: 6 of 20 steps. Brightest: 11." in panel.words)

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "Paint above how much each part may change, or import a change map."),
            ({"source": "mask"}, "Paint or upload a mask in one of the Inpaint tabs above."),
            ({"source": "fan", "fan_strengths": "0.2, high"}, "The fan takes 2 to 10 strengths from 0 to 1."),
        ],
    )
    def test_what_is_missing_is_said(self, panel, values, words):
        panel.write(**values)
        assert eventually(lambda: panel.words == words)
        assert not panel.page.locator("#diffdiff_preview canvas").first.is_visible()

    def test_no_picture(self, panel):
        panel.page.evaluate("document.getElementById('img2img_image').replaceChildren()")
        panel.write(source="fan")
        assert eventually(lambda: panel.words == "Put a picture into the img2img tab.")

    @pytest.mark.parametrize(
        ("grey", "polarity", "words"),
        [
            (0, "white changes", "Nothing will change: the map is black everywhere."),
            (255, "white keeps", "Nothing will change: the map is white everywhere, and white keeps."),
            (1, "white changes", "Almost nothing will change: the map is 0.4 % or less everywhere."),
        ],
    )
    def test_a_map_that_changes_nothing_is_named_before_the_run(self, panel, grey, polarity, words):
        map_url = data_url(Image.new("L", (SIZE.width, SIZE.height), grey))
        panel.write(map=map_url, polarity=polarity)
        assert eventually(lambda: words in panel.words)
        panel.write(polarity="white keeps" if polarity == "white changes" else "white changes")
        assert eventually(lambda: "will change" not in panel.words)

    def test_a_black_mask_is_named_before_the_run(self, panel):
        panel.show("img_inpaint_base")
        panel.put("img_inpaint_mask", Image.fromarray(255 - 0 * rectangle_mask()))
        panel.write(source="mask", mask_mode="Inpaint not masked")
        assert eventually(lambda: "Nothing will change: the inpaint mask is black everywhere." in panel.words)

    def test_what_the_host_has_for_soft_borders_is_said_to_be_unused(self, panel):
        panel.write(source="fan")
        assert eventually(lambda: "Darkest" in panel.words)
        assert "Not used" not in panel.words
        panel.page.evaluate("document.getElementById('img2img_mask_blur').style.display = 'block'")
        assert eventually(lambda: "Not used while this is on: Mask blur." in panel.words)
        panel.page.locator("#soft_inpainting_enabled-checkbox input").check()
        assert eventually(lambda: "Not used while this is on: Mask blur, Soft inpainting." in panel.words)


class TestCost:
    def test_a_change_is_shown_at_once(self, panel):
        panel.write(map=data_url(Image.fromarray(grey_map())))
        panel.settle()
        waited = panel.page.evaluate(
            """async () => {
                const words = document.querySelector(".diffdiff-preview-steps");
                const before = words.textContent;
                document.querySelector("#img2img_steps input").value = 37;
                const start = performance.now();
                while (words.textContent === before) await new Promise(requestAnimationFrame);
                return performance.now() - start;
            }"""
        )
        print(f"shown after {waited:.0f} ms")
        assert waited < 1000, "measured: 60 to 150 ms; a busy machine may take longer"

    def test_a_closed_panel_costs_nothing(self, panel):
        panel.write(map=data_url(Image.fromarray(grey_map())))
        panel.settle()
        panel.page.evaluate("document.getElementById('diffdiff').open = false")
        panel.settle()
        panel.page.evaluate(
            """() => {
                window.looks = 0;
                const look = document.querySelector.bind(document);
                document.querySelector = (selector) => {
                    if (selector === "#img2img_steps") window.looks++;
                    return look(selector);
                };
            }"""
        )
        panel.settle()
        assert panel.page.evaluate("window.looks") == 0
        panel.page.evaluate("document.getElementById('diffdiff').open = true")
        panel.settle()
        assert panel.page.evaluate("window.looks") > 0

    def test_nothing_is_drawn_while_nothing_changes(self, panel):
        panel.write(map=data_url(Image.fromarray(grey_map())))
        panel.settle()
        panel.page.evaluate(
            """() => {
                window.drawn = 0;
                const put = CanvasRenderingContext2D.prototype.putImageData;
                CanvasRenderingContext2D.prototype.putImageData = function (...args) {
                    window.drawn++;
                    put.apply(this, args);
                };
            }"""
        )
        time.sleep(1)
        assert panel.page.evaluate("window.drawn") == 0
        panel.write(softness=9)
        panel.settle()
        assert eventually(lambda: panel.page.evaluate("window.drawn") == 2)


class TestOrderOfClicks:
    """Source and softness end the same whatever comes first, and what the user chose stays."""

    AUTOMATIC = round(SIZE.width / 48)

    @pytest.fixture
    def steps(self, panel) -> dict[str, Callable[[], None]]:
        panel.show("img_inpaint_base")
        page = panel.page
        mask = Image.fromarray(rectangle_mask())

        def choose(source: str) -> None:
            page.locator(f"#diffdiff_source input[value={source}]").click()

        return {
            "mask": lambda: panel.put("img_inpaint_mask", mask),
            "tick": lambda: page.get_by_label("enabled").click(),
            "map": lambda: page.locator("#diffdiff_map textarea").evaluate(
                "(field, url) => diffdiff.writeField(field, url)", data_url(Image.fromarray(grey_map()))
            ),
            "choose mask": lambda: choose("mask"),
            "choose map": lambda: choose("map"),
            "set softness": lambda: page.locator("#diffdiff_softness input").fill("7"),
        }

    def state(self, panel) -> tuple[str, float]:
        panel.settle()
        chosen = panel.page.locator("#diffdiff_source input:checked").get_attribute("value")
        return chosen, float(panel.page.locator("#diffdiff_softness input").input_value())

    def ends_in(self, panel, state: tuple[str, float]) -> bool:
        return eventually(lambda: self.state(panel) == state)

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("mask", "tick"), ("mask", AUTOMATIC)),
            (("mask", "tick", "map"), ("map", 0)),
            (("choose mask", "mask", "tick"), ("mask", AUTOMATIC)),
            (("choose map", "mask", "tick"), ("map", 0)),
            (("set softness", "mask", "tick"), ("mask", 7)),
        ],
    )
    def test_every_order_ends_the_same(self, panel, steps, names, expected):
        for number, order in enumerate(itertools.permutations(names)):
            pause = 400 if number % 2 else 0
            panel.page.reload()
            panel.show("img_inpaint_base")
            panel.put("img_inpaint_base", PHOTO)
            for name in order:
                steps[name]()
                panel.page.wait_for_timeout(pause)
            assert self.ends_in(panel, expected), order

    def test_a_softness_that_is_set_before_the_automatic_one_comes_stays(self, panel, steps):
        """By a script or a paste too, whose events are not the user's."""
        steps["mask"]()
        panel.page.evaluate(
            """() => {
                const [mask, field] = ["source input[value=mask]", "softness input"].map((rest) =>
                    document.querySelector(`#diffdiff_${rest}`));
                const look = () => mask.checked ? diffdiff.writeField(field, 7) : requestAnimationFrame(look);
                look();
            }"""
        )
        steps["tick"]()
        assert self.ends_in(panel, ("mask", 7))

    def test_a_masks_softness_is_not_a_painted_maps(self, panel, steps):
        steps["tick"]()
        steps["mask"]()
        assert self.ends_in(panel, ("mask", self.AUTOMATIC))
        panel.page.locator("#diffdiff_softness input").fill("9")
        panel.settle()
        for source, softness in (("map", 0), ("mask", 9), ("map", 0)):
            steps[f"choose {source}"]()
            assert self.ends_in(panel, (source, softness)), source
        panel.page.locator("#diffdiff_softness input").fill("4")
        panel.settle()
        for source, softness in (("mask", 9), ("map", 4)):
            steps[f"choose {source}"]()
            assert self.ends_in(panel, (source, softness)), source

    def test_generate_right_after_the_last_click_has_the_source_already(self, panel, steps):
        panel.page.evaluate(
            """() => document.querySelector("#img2img_generate").addEventListener("click", () => {
                window.run = document.querySelector("#diffdiff_source input:checked").value;
            })"""
        )
        steps["tick"]()
        panel.settle()
        steps["mask"]()
        panel.page.evaluate("document.dispatchEvent(new PointerEvent('pointerup'))")
        panel.page.click("#img2img_generate")
        panel.page.wait_for_function("window.run")
        assert panel.page.evaluate("window.run") == "mask"


class TestSideOfAMask:
    """A mask that is taken is soft on both sides of its border, where it is wide enough for its full strength."""

    BOXES: ClassVar = {
        "wide": [(60, 20, 140, 100)],
        "disc": [(70, 50, 82, 62)],
        "stroke": [(20, 60, 140, 66)],
        "stroke on a wide part": [(60, 20, 140, 100), (10, 50, 60, 58)],
    }

    def take(self, panel, name: str) -> np.ndarray:
        mask = np.zeros((SIZE.height, SIZE.width), np.uint8)
        for left, top, right, bottom in self.BOXES[name]:
            mask[top:bottom, left:right] = 255
        panel.show("img_inpaint_base")
        panel.put("img_inpaint_mask", Image.fromarray(mask))
        panel.page.get_by_label("enabled").check()
        return mask

    def side(self, panel) -> str:
        return panel.page.locator("#diffdiff_softness_side input:checked").get_attribute("value")

    @pytest.mark.parametrize("name", BOXES)
    def test_what_was_painted_gets_its_full_strength(self, panel, name):
        mask = self.take(panel, name)
        right = "both" if name == "wide" else "outwards"
        assert eventually(lambda: self.side(panel) == right and "Brightest" in panel.words)
        values = expected(mask, source="mask", softness=round(SIZE.width / 48), softness_side=right)
        assert eventually(lambda: close(panel.map, values))
        assert panel.map[mask > 0].max() == 1 and "of the denoising strength" not in panel.words
        if right == "outwards":
            assert panel.map[mask > 0].min() >= 0.95

    def test_it_follows_the_mask(self, panel):
        self.take(panel, "stroke")
        assert eventually(lambda: self.side(panel) == "outwards")
        self.take(panel, "wide")
        assert eventually(lambda: self.side(panel) == "both")

    def test_a_click_that_gradio_loses_is_made_again(self, panel):
        """Another change that comes back at the same time puts the old value in its place, without any event."""
        panel.page.evaluate(
            """() => {
                const side = document.getElementById("diffdiff_softness_side");
                const back = () => (side.querySelector("input[value=both]").checked = true);
                side.addEventListener("click", () => setTimeout(back, 30), { once: true });
            }"""
        )
        self.take(panel, "stroke")
        assert eventually(lambda: self.side(panel) == "outwards" and "of the denoising strength" not in panel.words)
        panel.settle()
        assert self.side(panel) == "outwards"

    def test_a_side_that_was_chosen_stays(self, panel):
        panel.page.locator("#diffdiff_softness_side input[value=inwards]").click()
        self.take(panel, "stroke")
        panel.settle()
        assert eventually(lambda: "at 33 % of the denoising strength" in panel.words)
        assert self.side(panel) == "inwards"
