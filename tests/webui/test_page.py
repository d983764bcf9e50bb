"""The page: the same effect by hand, hidden tabs, Reload UI, two browser tabs, errors, pasting, the Batch tab."""

import base64
import json
import random

import numpy as np
import pytest
from painter_harness import decode_map, stroke_on_host_canvas
from PIL import Image

from webui.client import WebUI, columns, largest_difference, map_of, parameters, photograph, pixels
from webui.page import Page

PICTURE = photograph()
NOISE = 2
"""1/255 from the autoencoder's own draws, and 1/255 from the picture's way through the page."""
LEFT_KEPT, RIGHT_KEPT = columns(0, 255), columns(255, 0)


@pytest.fixture
def open_page(browser, webui: WebUI):
    """Opens the WebUI in a browser of its own; an error in our scripts fails the test."""
    contexts, errors = [], []

    def note(error):
        if "diffdiff" in str(getattr(error, "stack", error)):
            errors.append(str(error))

    def open_() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 1300}))
        page = contexts[-1].new_page()
        page.on("pageerror", note)
        return Page(page, webui.url)

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def prepare(page: Page, grey: np.ndarray | None = None) -> None:
    """A picture, a map and short settings; none of it needs the tab to be shown."""
    page.upload("img2img_image", PICTURE)
    if grey is not None:
        page.switch(True)
        page.upload_map(grey)
    page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.8, seed=1)


def open_panel(page: Page) -> None:
    if not page.page.locator("#diffdiff_source").is_visible():
        page.page.locator("#diffdiff > .label-wrap, #diffdiff .label-wrap").first.click()
        page.page.locator("#diffdiff_source").wait_for()


def show_preview(page: Page) -> None:
    """The panel's small picture of the map is drawn while it is on the screen."""
    open_panel(page)
    page.page.locator("#diffdiff_preview").evaluate("preview => preview.scrollIntoView({ block: 'center' })")
    page.page.locator("#diffdiff_preview canvas").first.wait_for()


def show_upload_tab(page: Page) -> None:
    page.page.locator("#mode_img2img > .tab-nav button", has_text="upload").first.click()
    page.page.locator("#img_inpaint_mask").wait_for()


def as_map(webui: WebUI, grey: np.ndarray, infotext: str) -> Image.Image:
    """What a change map makes of the page's settings in that infotext."""
    said = parameters(infotext)
    options = {"prompt": "", "steps": 6, "cfg_scale": float(said["CFG scale"]), "sampler_name": said["Sampler"]}
    if "Schedule type" in said:
        options["scheduler"] = said["Schedule type"]
    return webui.img2img(PICTURE, map_of(grey), **options).images[0]


def kept(picture: np.ndarray) -> tuple[bool, bool]:
    """Whether the left and the right half are the input."""
    same = (picture == pixels(PICTURE)).all(axis=2)
    return bool(same[:, :64].all()), bool(same[:, 64:].all())


def test_by_hand_with_the_tab_shown(open_page):
    page = open_page()
    page.to_tab("img2img")
    open_panel(page)
    prepare(page, LEFT_KEPT)
    page.generate()
    assert page.error() == "" and kept(page.picture()) == (True, False)
    page.switch(False)
    page.generate()
    assert kept(page.picture()) == (False, False)


def test_with_the_tab_hidden(open_page):
    page = open_page()
    if not page.has("#txt2img_generate"):
        pytest.skip("this WebUI has no other tab")
    prepare(page, RIGHT_KEPT)
    page.generate()
    assert not page.page.locator("#img2img_generate").first.is_visible()
    assert kept(page.picture()) == (False, True)


def test_a_stroke_in_the_inpaint_sketch_tab_is_a_mask(open_page):
    page = open_page()
    if not page.has("#inpaint_sketch"):
        pytest.skip("this WebUI has no Inpaint sketch tab")
    page.to_tab("img2img")
    page.page.locator("#mode_img2img > .tab-nav button", has_text="Inpaint sketch").first.click()
    side = 256
    picture = photograph((side, side))
    page.upload("inpaint_sketch", picture)
    page.page.wait_for_timeout(3000)  # the hosts' canvases empty themselves once more after they have shown the picture
    page.set_numbers(width=side, height=side, steps=6, denoising_strength=0.9, seed=1)
    page.switch(True)
    page.click("#diffdiff_source input[value=mask]")
    page.fill("#diffdiff_softness input[type=number]", 0)
    stroke_on_host_canvas(page.page, "inpaint_sketch", 0.4, 0.6, height=0.5)
    page.page.wait_for_timeout(3000)
    page.generate()
    assert page.error() == ""
    changed = (page.picture() != pixels(picture)).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed[side // 2 - 4 : side // 2 + 4, int(side * 0.45) : int(side * 0.55)].mean() > 0.9
    assert abs(rows.mean() - side / 2) < 8 and np.ptp(rows) < 100 + 6 * 8, (
        "the stroke, on Forge Neo 100 px wide, and its cells"
    )


def test_two_browsers_share_nothing(open_page):
    one, other, plain = open_page(), open_page(), open_page()
    prepare(one, LEFT_KEPT)
    prepare(other, RIGHT_KEPT)
    prepare(plain)
    turns = ((one, (True, False)), (other, (False, True)), (plain, (False, False)), (one, (True, False)))
    for seed, (page, expected) in enumerate(turns):
        page.set_numbers(seed=seed)  # gradio serves the same picture under the same address
        page.generate()
        assert kept(page.picture()) == expected


def test_after_reload_ui(open_page, webui: WebUI):
    page = open_page()
    if not page.has("#settings_restart_gradio"):
        pytest.skip("this WebUI has no Reload UI")
    page.page.evaluate("""() => {
        document.querySelector("#diffdiff").dataset.before = "restart";
        document.querySelector("#settings_restart_gradio").click();
    }""")
    page.until("document.querySelector('#diffdiff:not([data-before])')")
    page.open()
    prepare(page, LEFT_KEPT)
    page.generate()
    assert kept(page.picture()) == (True, False)
    assert kept(webui.img2img(PICTURE, map_of(RIGHT_KEPT)).pixels) == (False, True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("series", range(5))
def test_a_map_before_its_picture_is_never_lost(open_page, request, series):
    """In every order and at random times; on a real WebUI ten times, each on a fresh page."""
    dice = random.Random(series)
    page = open_page()
    grey = np.add.outer(np.arange(128), np.arange(128)).astype(np.uint8)
    for _ in range(2 if request.config.getoption("--webui") else 1):
        page.open()
        page.to_tab("img2img")
        pictures = {"img2img_image": PICTURE, "diffdiff_painter": Image.fromarray(grey)}
        for box in dice.sample(list(pictures), 2):
            page.page.wait_for_timeout(dice.choice([0, 0, 40, 150, 400, 1000]))
            page.give(box, pictures[box])
        page.until("document.querySelector('#diffdiff_map textarea').value")
        page.page.locator("#img2img_image img").first.wait_for(state="attached")
        page.page.wait_for_timeout(1000)  # nothing comes after
        assert np.array_equal(decode_map(page.value("#diffdiff_map textarea")), grey)
        grey = np.roll(grey, 17)


@pytest.mark.parametrize("first", ["tick", "mask"])
def test_a_mask_and_the_switch_in_either_order_are_soft_inpainting(open_page, first):
    page = open_page()
    page.to_tab("img2img")
    show_upload_tab(page)
    if first == "tick":
        page.switch(True)
    page.upload("img_inpaint_base", PICTURE)
    page.upload("img_inpaint_mask", Image.fromarray(RIGHT_KEPT))
    if first == "mask":
        page.switch(True)
    page.until_chosen("source", "mask")
    page.until_number("#diffdiff_softness input[type=number]", 3)  # 128 pixels / 48


RADIOS = {
    "source": ["Change map", "Inpaint mask", "Strength fan", "Automatic"],
    "polarity": ["White changes", "White keeps"],
    "softness_side": ["Both ways", "Outwards", "Inwards"],
    "fan_axis": ["Columns", "Rows"],
}


def test_defaults_of_the_radios_can_be_saved(webui: WebUI):
    """The hosts keep a default of ui-config.json if it is the text of a choice, and give it to gradio as a value."""
    components = [component["props"] for component in webui.get("/config")["components"]]
    by_id = {props.get("elem_id"): props for props in components}
    for key in RADIOS:
        props = by_id[f"diffdiff_{key}"]
        assert all(text == value for text, value in props["choices"]) and props["value"] == props["choices"][0][0]


def test_choices_are_shown_in_words(open_page):
    page = open_page().page
    for key, words in RADIOS.items():
        texts = page.locator(f"#diffdiff_{key} label").all_text_contents()
        assert [text.strip() for text in texts] == words


def test_greys_of_an_uploaded_mask_are_strengths(open_page, webui: WebUI):
    """What the small picture shows is what runs, also on a WebUI that rounds uploaded masks."""
    greys = (0, 90, 160, 255)
    page = open_page()
    page.to_tab("img2img")
    show_upload_tab(page)
    page.upload("img_inpaint_base", PICTURE)
    page.upload("img_inpaint_mask", Image.fromarray(columns(*greys)))
    page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.8, seed=1)
    page.switch(True)
    page.until_number("#diffdiff_softness input[type=number]", 3)
    page.fill("#diffdiff_softness input[type=number]", 0)
    show_preview(page)
    page.until(
        """greys => [16, 48, 80, 112].every((x, i) => {
            const shown = document.querySelector("#diffdiff_preview canvas").getContext("2d").getImageData(x, 64, 1, 1);
            return Math.abs(shown.data[0] - greys[i]) <= 1;
        })""",
        greys,
    )
    page.generate()
    assert page.error() == ""
    info = json.loads(page.value("#generation_info_img2img :is(textarea, input)"))
    assert largest_difference(page.picture(), as_map(webui, columns(*greys), info["infotexts"][0])) <= NOISE


@pytest.mark.parametrize("width", [8, 80])
def test_a_mask_changes_fully_however_narrow_it_is(open_page, width):
    mask = np.zeros((128, 128), np.uint8)
    mask[24:104, 64 - width // 2 : 64 + width // 2] = 255
    page = open_page()
    page.to_tab("img2img")
    show_upload_tab(page)
    page.upload("img_inpaint_base", PICTURE)
    page.upload("img_inpaint_mask", Image.fromarray(mask))
    page.switch(True)
    page.until_number("#diffdiff_softness input[type=number]", 3)
    page.until_chosen("softness_side", "outwards" if width == 8 else "both")
    show_preview(page)
    page.until(
        """peak => {
            const canvas = document.querySelector("#diffdiff_preview canvas");
            return canvas.getContext("2d").getImageData(64, 64, 1, 1).data[0] >= peak;
        }""",
        0.95 * 255,
    )


def test_a_missing_map_is_said_on_the_page(open_page):
    page = open_page()
    prepare(page)
    page.switch(True)
    page.generate()
    assert page.error().startswith("Differential Diffusion: Nothing is painted yet: paint over the picture")
    page.switch(False)
    page.generate()
    assert page.error() == ""


@pytest.mark.parametrize("way", ["Ctrl+Z", "Clear"])
def test_a_stroke_that_is_taken_back_is_no_map(open_page, way):
    page = open_page()
    page.to_tab("img2img")
    prepare(page)
    page.switch(True)
    open_panel(page)
    stage = page.page.locator(".diffdiff-stage").first
    stage.evaluate("stage => stage.scrollIntoView({ block: 'center' })")
    stage.click()
    page.until("document.querySelector('#diffdiff_map textarea').value")
    if way == "Clear":
        page.page.locator("#diffdiff_painter").get_by_role("button", name="Clear").click()
    else:
        page.page.keyboard.press("Control+z")
    page.until("!document.querySelector('#diffdiff_map textarea').value")
    page.generate()
    assert "Nothing is painted yet" in page.error()


def test_a_picture_that_comes_while_the_panel_is_closed(open_page):
    page = open_page()
    prepare(page, LEFT_KEPT)
    page.upload("img2img_image", photograph(seed=8))
    page.to_tab("img2img")
    open_panel(page)
    page.until("globalThis.diffdiff.painter.inForce")  # and no error of ours, which `open_page` looks for


class TestPasting:
    effect = map_of(LEFT_KEPT, softness=5, softness_side="outwards", polarity="white keeps", keep_exact=False)

    def settings(self, page: Page) -> dict:
        return {
            "on": page.checked("#diffdiff-checkbox input"),
            "softness": float(page.value("#diffdiff_softness input[type=number]")),
            "keep_exact": page.checked("#diffdiff_keep_exact input"),
            "polarity": page.value("#diffdiff_polarity input:checked"),
            "side": page.value("#diffdiff_softness_side input:checked"),
        }

    def test_from_the_prompt_field(self, open_page, webui: WebUI):
        page = open_page()
        page.to_tab("img2img")
        for result, on in ((webui.img2img(PICTURE, self.effect), True), (webui.img2img(PICTURE), False)):
            page.fill("#img2img_prompt textarea", result.infotext)
            page.click("#img2img_tools #paste")
            page.until("on => document.querySelector('#diffdiff-checkbox input').checked === on", on)
            page.page.wait_for_timeout(500)  # all fields come in one answer
            restored = self.settings(page)
            assert restored.pop("on") is on
            defaults = {"softness": 0.0, "keep_exact": True, "polarity": "white changes", "side": "both"}
            ours = {"softness": 5.0, "keep_exact": False, "polarity": "white keeps", "side": "outwards"}
            assert restored == (ours if on else defaults)

    def test_from_png_info(self, open_page, webui: WebUI, tmp_path):
        page = open_page()
        if not page.has("#pnginfo_image"):
            pytest.skip("this WebUI has no PNG Info tab")
        made = webui.img2img(PICTURE, self.effect)
        (tmp_path / "made.png").write_bytes(base64.b64decode(made.encoded[0]))
        page.to_tab("PNG Info")
        page.page.locator("#pnginfo_image input[type=file]").first.set_input_files(tmp_path / "made.png")
        page.page.locator("#tab_pnginfo p", has_text="Differential Diffusion").first.wait_for()
        page.click("#tab_pnginfo #img2img_tab")
        page.until_number("#diffdiff_softness input[type=number]", 5)
        page.until("document.querySelector('#diffdiff-checkbox input').checked")


class TestMadeAgain:
    """Where pictures are saved, their maps are kept, and an infotext brings its map back."""

    MAP = columns(0, 255, 90)

    def paste(self, page: Page, infotext: str) -> None:
        page.fill("#img2img_prompt textarea", infotext)
        page.click("#img2img_tools #paste")

    def test_from_its_infotext(self, open_page, webui: WebUI):
        """Against the same map from a file: Forge Neo's page makes other pictures of the same settings than its API."""
        made = webui.img2img(PICTURE, map_of(self.MAP), save_images=True, override_settings={"samples_save": True})
        page = open_page()
        page.to_tab("img2img")
        open_panel(page)
        prepare(page)
        digest = parameters(made.infotext)["Differential Diffusion map"]
        self.paste(page, made.infotext.replace(f", Differential Diffusion map: {digest}", ""))
        page.until_number("#img2img_steps input[type=number]", 10)
        page.upload_map(self.MAP)
        page.generate()
        by_hand = page.picture()
        page.open()
        page.to_tab("img2img")
        prepare(page)
        self.paste(page, made.infotext)
        page.until("document.querySelector('#diffdiff_map textarea').value")
        page.generate()
        assert page.error() == ""
        assert np.abs(page.picture() - by_hand).max() <= NOISE and (by_hand != pixels(PICTURE)).any()

    def test_what_was_not_kept_is_said(self, open_page, webui: WebUI):
        made = webui.img2img(PICTURE, map_of(self.MAP.T.copy()), steps=1)
        page = open_page()
        page.to_tab("img2img")
        open_panel(page)
        prepare(page)
        self.paste(page, made.infotext)
        digest = parameters(made.infotext)["Differential Diffusion map"]
        page.page.locator(".diffdiff-notice", has_text=digest).wait_for()


class TestBatchTab:
    """The Batch tab takes a folder of masks, matched by name: with source "mask" each is that picture's map."""

    def test_each_picture_has_its_own_mask(self, webui, open_page, tmp_path):
        if not webui.options.get("samples_save", True):
            pytest.skip("this WebUI's option samples_save is off: it writes no batch results either")
        page = open_page()
        if not page.has("#img2img_batch_tab, #img2img_batch_input_dir"):
            pytest.skip("this WebUI has no Batch tab")
        greys = {"one": columns(0, 100, 255), "two": RIGHT_KEPT, "three": LEFT_KEPT.T.copy()}
        for folder in ("pictures", "masks", "results"):
            (tmp_path / folder).mkdir()
        for name, grey in greys.items():
            PICTURE.save(tmp_path / "pictures" / f"{name}.png")
            Image.fromarray(grey).save(tmp_path / "masks" / f"{name}.png")
        page.to_tab("img2img")
        page.to_batch()
        page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.8, seed=1)
        page.switch(True)
        page.page.locator("#diffdiff_source input[value=mask]").dispatch_event("click")
        for field, folder in (("input", "pictures"), ("output", "results"), ("inpaint_mask", "masks")):
            page.fill(f"#img2img_batch_{field}_dir textarea, #img2img_batch_{field}_dir input", tmp_path / folder)
        page.page.wait_for_timeout(500)  # gradio tells nobody when it has taken a field
        page.generate()
        while page.error() == "" and len(list((tmp_path / "results").rglob("*.png"))) < len(greys):
            page.page.wait_for_timeout(500)  # the test's own timeout ends this
        assert page.error() == ""
        results = sorted((tmp_path / "results").rglob("*.png"))  # Forge numbers them in the order of their names
        for result, name in zip(results, sorted(greys)):
            changed = (pixels(Image.open(result)) != pixels(PICTURE)).any(axis=2)
            grey = greys[name]
            assert not changed[grey == 0].any() and changed[grey == 255].mean() > 0.8, name
            said = Image.open(result).info["parameters"]
            assert largest_difference(Image.open(result), as_map(webui, grey, said)) <= NOISE, name
