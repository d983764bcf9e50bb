"""Maps that are made for the picture: by the WebUI's own model, and by its preprocessors where it has some."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, base64_of, columns, image_of, largest_difference, map_of, parameters, photograph, pixels
from webui.page import Page

PICTURE = photograph()
NOISE = 2
"""1/255 from the autoencoder's own draws, and 1/255 from the picture's way through the page."""
OTHERS = {"one": columns(0, 255), "two": columns(255, 0), "three": columns(0, 255).T.copy()}
"""Bright on the right, on the left, below."""


def asked(webui: WebUI, picture: Image.Image = PICTURE, **keys) -> httpx.Response:
    return webui.http.post("/differential-diffusion/map", json={"picture": base64_of(picture), **keys})


def made(webui: WebUI, picture: Image.Image = PICTURE, **keys) -> np.ndarray:
    answer = asked(webui, picture, **keys)
    assert answer.status_code == 200, answer.text
    return np.asarray(image_of(answer.json()["map"]))


class TestApi:
    def test_a_run_uses_the_map_that_was_asked_for(self, webui: WebUI):
        keys = {"auto_prompt": "autumn trees", "auto_against": "summer", "gamma": 0.8}
        grey = made(webui, **keys)
        assert (
            grey.shape == (128, 128) and grey.max() > 225 and grey.min() < 100
        )  # a lone cell's peak lies between pixels
        assert np.array_equal(made(webui, **keys), grey)
        webui.needs_test_extension()
        seeded = {"encoder_seed": 1}
        ours = webui.img2img(PICTURE, {"source": "auto", **keys}, test=seeded)
        painted = webui.img2img(PICTURE, map_of(grey), test=seeded)
        assert np.array_equal(ours.pixels, painted.pixels)
        said = parameters(ours.infotext)
        assert said["Differential Diffusion"] == "auto" and said["Differential Diffusion auto prompt"] == "autumn trees"

    def test_runs_after_it_are_bit_equal_to_runs_before(self, webui: WebUI):
        webui.needs_test_extension()
        seeded = {"encoder_seed": 1}
        before = webui.img2img(PICTURE, map_of(columns(0, 255)), test=seeded)
        made(webui, auto_prompt="fire")
        webui.img2img(PICTURE, {"source": "auto", "auto_prompt": "winter"})
        after = webui.img2img(PICTURE, map_of(columns(0, 255)), test=seeded)
        assert np.array_equal(before.latents, after.latents) and np.array_equal(before.pixels, after.pixels)

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"auto": "no such preprocessor"}, 'auto: "no such preprocessor" is not allowed; prompt, luminance'),
            ({"auto_prompt": " "}, "auto_prompt: empty"),
            ({"auto_prompt": "house", "auto_against": "house"}, "auto_against: the same text"),
        ],
    )
    def test_what_cannot_be_made_is_refused_and_the_next_is_made(self, webui: WebUI, keys, message):
        answer = asked(webui, **keys)
        assert answer.status_code == 422 and message in answer.text.replace('\\"', '"')
        status, told = webui.refused(webui.body(PICTURE, {"source": "auto", **keys}, prompt=""))
        assert status == 422 and message in told
        assert made(webui, auto="luminance").std() > 0

    def test_interrupted_it_says_so_and_can_be_asked_again(self, webui: WebUI):
        large = photograph((512, 512))
        with ThreadPoolExecutor(1) as other:
            answer = other.submit(asked, webui, large, auto_prompt="night")
            while not answer.done() and not webui.get("/sdapi/v1/progress")["state"]["sampling_step"]:
                time.sleep(0.05)
            webui.http.post("/sdapi/v1/interrupt")
        assert answer.result().status_code == 409 and "interrupted" in answer.result().text
        assert made(webui, large, auto_prompt="night").std() > 10

    def test_a_preprocessor_makes_a_map(self, webui: WebUI):
        answer = asked(webui, OTHERS_AS_PICTURES["one"], auto="canny")
        if answer.status_code == 422:
            pytest.skip("this WebUI has no preprocessor canny")
        edges = np.asarray(image_of(answer.json()["map"]))
        assert edges.shape == (128, 128) and edges[:, 60:68].max() > 100 and not edges[:, :48].any()

    def test_each_picture_of_a_batch_has_a_map_of_its_own(self, webui: WebUI):
        pictures = [OTHERS_AS_PICTURES["one"], OTHERS_AS_PICTURES["two"]]
        effect = {"source": "auto", "auto": "luminance", "black": 0.5}
        for result, dark in zip(
            webui.img2img(pictures, effect, batch_size=2).images, (np.s_[:, :48], np.s_[:, 80:]), strict=True
        ):
            change = np.abs(pixels(result) - pixels(pictures[dark == np.s_[:, 80:]])).max(axis=2)
            assert not change[dark].any() and change.any()


OTHERS_AS_PICTURES = {name: Image.fromarray(grey).convert("RGB") for name, grey in OTHERS.items()}


class TestPage:
    @pytest.fixture
    def page(self, browser, webui: WebUI):
        context = browser.new_context(viewport={"width": 1400, "height": 1300})
        errors = []
        tab = context.new_page()
        tab.on("pageerror", lambda error: "diffdiff" in str(getattr(error, "stack", error)) and errors.append(error))
        page = Page(tab, webui.url)
        page.to_tab("img2img")
        yield page
        context.close()
        assert not errors

    @staticmethod
    def choose(page: Page, way: str) -> None:
        page.switch(True)
        if not page.page.locator("#diffdiff_painter").first.is_visible():
            page.page.locator("#diffdiff > .label-wrap").first.click()
        page.page.locator("#diffdiff_source input[value=auto]").dispatch_event("click")
        page.until_chosen("source", "auto")
        field = page.page.locator("#diffdiff_auto input").first
        field.fill(way)
        field.press("Enter")

    def test_make_map_paint_on_it_generate(self, webui: WebUI, page: Page):
        page.upload("img2img_image", PICTURE)
        page.set_numbers(width=128, height=128, steps=10, denoising_strength=0.8, seed=1)
        self.choose(page, "prompt")
        page.fill("#diffdiff_auto_prompt textarea, #diffdiff_auto_prompt input[type=text]", "autumn trees")
        page.page.get_by_role("button", name="Make map").click()
        page.until("diffdiff.painter.inForce")
        shown = page.page.evaluate("[...diffdiff.painter.inForce.pixels]")
        assert np.array_equal(np.reshape(shown, (128, 128)), made(webui, auto_prompt="autumn trees"))
        assert page.checked("#diffdiff_source input[value=auto]")
        stage = page.page.locator(".diffdiff-stage").first
        stage.evaluate("stage => stage.scrollIntoView({ block: 'start' })")
        box = stage.bounding_box()
        page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.until_chosen("source", "map")
        page.page.wait_for_timeout(600)  # while parts of the panel disappear above it
        assert abs(stage.bounding_box()["y"] - box["y"]) < 2
        edited = np.reshape(page.page.evaluate("[...diffdiff.painter.inForce.pixels]"), (128, 128)).astype(np.uint8)
        assert edited[64, 64] == 255 and np.array_equal(edited[:20], np.reshape(shown, (128, 128))[:20])
        page.fill("#img2img_prompt textarea", "a house")
        page.generate()
        assert page.error() == ""
        cfg = float(page.value("#img2img_cfg_scale input[type=number]"))
        expected = webui.img2img(PICTURE, map_of(edited), cfg_scale=cfg, sampler_name=self.sampler(page))
        assert largest_difference(page.picture(), expected.pixels) <= NOISE

    def test_a_painted_map_that_is_not_used_is_said_to_be_so_and_undo_brings_it_back(self, page: Page):
        page.upload("img2img_image", PICTURE)
        self.choose(page, "luminance")
        note = page.page.get_by_text("The map below is not used")
        page.page.wait_for_timeout(600)  # twice what the page looks after
        assert note.count() == 0
        page.page.locator("#diffdiff_source input[value=map]").dispatch_event("click")
        page.page.locator(".diffdiff-stage").first.click()
        page.until("diffdiff.painter.inForce")
        painted = page.page.evaluate("[...diffdiff.painter.inForce.pixels]")
        page.page.locator("#diffdiff_source input[value=auto]").dispatch_event("click")
        note.wait_for()
        page.page.get_by_role("button", name="Make map").click()
        page.page.get_by_text("Undo brings that back").wait_for()
        page.page.get_by_role("button", name="Undo").click()
        page.until_chosen("source", "map")
        assert page.page.evaluate("[...diffdiff.painter.inForce.pixels]") == painted

    @staticmethod
    def sampler(page: Page) -> str:
        chosen = page.page.locator("#img2img_sampling input:checked")
        return chosen.input_value() if chosen.count() else page.value("#img2img_sampling input")

    def test_what_cannot_be_made_is_said_and_the_old_map_stays(self, page: Page):
        page.upload("img2img_image", PICTURE)
        self.choose(page, "luminance")
        make = page.page.get_by_role("button", name="Make map")
        look = make.evaluate(
            "(button) => { const look = getComputedStyle(button); return [look.backgroundColor, look.backgroundImage] }"
        )
        assert look != ["rgba(0, 0, 0, 0)", "none"], "it must look like a button"
        make.click()
        page.until("diffdiff.painter.inForce")
        before = page.page.evaluate("[...diffdiff.painter.inForce.pixels]")
        page.fill("#img2img_prompt textarea", "")
        page.page.locator("#diffdiff_auto input").first.fill("nonsense")
        page.page.locator("#diffdiff_auto input").first.press("Enter")
        page.page.get_by_role("button", name="Make map").click()
        page.page.get_by_text("is not allowed; prompt, luminance").first.wait_for()
        assert page.page.evaluate("[...diffdiff.painter.inForce.pixels]") == before

    def test_each_picture_of_a_folder_has_a_map_of_its_own(self, webui: WebUI, page: Page, tmp_path):
        if not webui.options.get("samples_save", True):
            pytest.skip("this WebUI's option samples_save is off: it writes no batch results either")
        if not page.has("#img2img_batch_tab, #img2img_batch_input_dir"):
            pytest.skip("this WebUI has no Batch tab")
        for folder in ("pictures", "results"):
            (tmp_path / folder).mkdir()
        for name, picture in OTHERS_AS_PICTURES.items():
            picture.save(tmp_path / "pictures" / f"{name}.png")
        page.to_batch()
        page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.8, seed=1)
        self.choose(page, "luminance")
        page.fill("#diffdiff_black input[type=number]", 0.5)
        for field, folder in (("input", "pictures"), ("output", "results")):
            page.fill(f"#img2img_batch_{field}_dir textarea, #img2img_batch_{field}_dir input", tmp_path / folder)
        page.page.wait_for_timeout(500)  # gradio tells nobody when it has taken a field
        page.generate()
        while page.error() == "" and len(list((tmp_path / "results").rglob("*.png"))) < len(OTHERS):
            page.page.wait_for_timeout(500)  # the test's own timeout ends this
        results = sorted((tmp_path / "results").rglob("*.png"))  # Forge numbers them in the order of their names
        for result, name in zip(results, sorted(OTHERS)):
            change = np.abs(pixels(Image.open(result)) - pixels(OTHERS_AS_PICTURES[name])).max(axis=2)
            assert not change[OTHERS[name] == 0].any() and change[OTHERS[name] == 255].mean() > 1, name
