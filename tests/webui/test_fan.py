"""Strength fans: every part is its own plain run, at the cost of one run; what comes back; one click on the page."""

import json

import numpy as np
import pytest
from PIL import Image

from differential_diffusion.settings import FIELDS
from webui.client import WebUI, columns, largest_difference, map_of, parameters, photograph, pixels
from webui.page import Page

PICTURE = photograph()
POINTWISE = {"encoder_seed": 0, "denoiser": "pointwise"}


def fan_of(strengths: list[float] | None = None, **settings) -> dict:
    return {"source": "fan", "fan_strengths": strengths} | settings


def ranges(result) -> list[tuple[int, int]]:
    """Where the parts lie, as the JSON info says."""
    text = result.info["extra_generation_params"]["Differential Diffusion fan pixels"]
    return [tuple(map(int, part.split("-"))) for part in text.split(" ")]


class TestLatents:
    """Through the test extension, with a denoiser without spatial coupling."""

    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "Heun", "DDIM"])
    @pytest.mark.parametrize("axis", ["columns", "rows"])
    def test_every_part_is_its_plain_run(self, webui: WebUI, sampler, axis):
        webui.needs_test_extension()
        webui.needs_sampler(sampler)
        strengths = [0.9, 0.25, 0.6, 0.4, 0.75]
        options = {"test": POINTWISE, "steps": 16, "sampler_name": sampler}
        ours = webui.img2img(PICTURE, fan_of(strengths, fan_axis=axis), denoising_strength=0.1, **options)
        plain = [webui.img2img(PICTURE, denoising_strength=s, **options) for s in strengths]
        cell = PICTURE.width // ours.latents.shape[-1]
        parts = [slice(start // cell, end // cell) for start, end in ranges(ours)]
        for part, run in zip(parts, plain):
            region = np.s_[..., part] if axis == "columns" else np.s_[..., part, :]
            assert np.abs(ours.latents - run.latents)[region].max() <= webui.rounding * run.latents.std()
        # 0.49 with DDIM on a miniature of Flux.2 klein, 0.87 on one of Flux, and above 1 with the others
        assert np.abs(plain[0].latents - plain[1].latents).max() > 0.4, "the strengths must differ to say anything"
        assert ours.run["levels"] == plain[0].run["levels"], "the calls of one run at the largest strength"


class TestResult:
    def test_a_clean_picture_and_a_labelled_one(self, webui: WebUI):
        ours = webui.img2img(PICTURE, fan_of([0.2, 0.9]), steps=10, denoising_strength=0.3)
        clean, labelled = ours.images
        assert clean.size == PICTURE.size and labelled.width == 128 and labelled.height > 128
        shown = np.abs(pixels(labelled)[-128:] - pixels(clean)).max(axis=(0, 2))
        assert set(np.flatnonzero(shown)) == {63, 64}, "only the separator differs"
        said = ours.info["extra_generation_params"]
        assert said["Differential Diffusion fan"] == "0.2 0.9"
        assert ranges(ours) == [(0, 64), (64, 128)]
        assert len(ours.info["infotexts"]) == len(ours.images)
        assert parameters(ours.infotexts[1]) == parameters(ours.infotexts[0]) | {
            "Differential Diffusion picture": "labelled fan"
        }
        assert parameters(ours.infotext)["Denoising strength"] == "0.3"

    @pytest.mark.parametrize("batch", [{"n_iter": 2}, {"batch_size": 2}])
    def test_every_seed_has_a_fan_of_its_own(self, webui: WebUI, batch):
        if "batch_size" in batch:
            webui.needs_batches()
        ours = webui.img2img(PICTURE, fan_of([0.4, 0.9]), **batch)
        assert len(ours.images) == len(ours.infotexts) == 4
        for index in range(2):
            alone = webui.img2img(PICTURE, fan_of([0.4, 0.9]), seed=1 + index)
            assert largest_difference(ours.images[index], alone.images[0]) <= 2, "noise of the autoencoder"
            kept = pixels(ours.images[2 + index])[-128:] == pixels(ours.images[index])
            assert kept[:, :60].all() and kept[:, 68:].all()
            assert parameters(ours.infotexts[2 + index])["Seed"] == str(1 + index)

    @pytest.mark.parametrize(
        ("cells", "strengths", "axis"),
        [
            ((17, 12), [0.2, 0.5, 0.7], "columns"),
            ((17, 12), list(np.linspace(1, 0.1, 10).round(2)), "columns"),
            ((16, 13), [0.3, 0.3], "rows"),
            ((8, 8), [0.1 * k for k in range(1, 9)], "rows"),
        ],
    )
    def test_any_size_any_order(self, webui: WebUI, cells, strengths, axis):
        size = cells[0] * webui.cell, cells[1] * webui.cell
        webui.needs_size(size)
        ours = webui.img2img(photograph(size), fan_of(strengths, fan_axis=axis), steps=4)
        parts, made = ranges(ours), ours.images[0].size  # Forge Neo works at whole 64 pixels
        assert parts[0][0] == 0 and parts[-1][1] == made[0 if axis == "columns" else 1]
        assert all(before[1] == after[0] for before, after in zip(parts, parts[1:]))
        assert len(parts) == len(strengths) and all(start % webui.cell == 0 for start, _ in parts)

    def test_more_strengths_than_cells_are_refused(self, webui: WebUI):
        status, message = webui.refused(webui.body(photograph((64, 64)), fan_of(fan_count=10)))
        assert status == 422 and "10 strengths do not fit" in message and f"at most {64 // webui.cell}" in message

    def test_only_the_map_fans_out(self, webui: WebUI):
        ours = webui.img2img(PICTURE, map_of(columns(0, 255).T.copy(), source="fan", fan_from=0.5))
        changed = (ours.pixels != pixels(PICTURE)).any(axis=2)
        assert not changed[:64].any() and changed[72:].mean() > 0.8

    def test_only_masked_has_its_ranges_inside_the_crop(self, webui: WebUI):
        mask = Image.new("L", (128, 128))
        mask.paste(255, (48, 48, 112, 112))
        options = {"mask": mask, "mask_blur": 0, "inpaint_full_res": True, "inpaint_full_res_padding": 0}
        ours = webui.img2img(PICTURE, fan_of([0.3, 0.6, 0.9]), inpainting_fill=1, **options)
        parts = ranges(ours)
        assert parts[0][0] == 48 and parts[-1][1] == 112
        assert ours.images[1].width % 64 == 0, "the labelled picture shows the crop, enlarged by a whole factor"

    def test_the_next_request_is_ordinary(self, webui: WebUI):
        webui.img2img(PICTURE, fan_of())
        plain = webui.img2img(PICTURE)
        assert len(plain.images) == 1 and "Differential Diffusion" not in plain.infotext


class TestNoFanByAccident:
    """The page's button marks its run by a value behind the settings: only one that Python gave out will do."""

    @pytest.mark.parametrize("extra", ["fan", "fan:1", "after:1", f"fan:{0:032x}"])
    def test_another_value_makes_none(self, webui: WebUI, extra):
        given = map_of(columns(0, 255))
        defaults = [getattr(field.default, "value", field.default) for field in FIELDS.values()]
        values = [given.get(key, default) for key, default in zip(FIELDS, defaults)] + [extra]
        response = webui.http.post("/sdapi/v1/img2img", json=webui.body(PICTURE, values))
        assert response.status_code in (200, 422)
        assert "Differential Diffusion fan" not in response.json().get("info", "")


class FanPage:
    """The page as someone uses it who looks for the right strength."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.to_tab("img2img")
        page.upload("img2img_image", PICTURE)
        page.set_numbers(width=128, height=128, steps=6, denoising_strength=0.5, seed=1)

    def run(self, button: str) -> list[str]:
        """Click, wait for the run's end. Returns the infotexts of its pictures."""
        info = "document.querySelector('#generation_info_img2img :is(textarea, input)').value"
        before = self.page.page.evaluate(info)
        self.page.click(button)
        self.page.until(f"before => {info} && {info} !== before", before)
        self.page.until_idle()
        infotexts = json.loads(self.page.page.evaluate(info))["infotexts"]
        if "labelled fan" in infotexts[0]:
            self.page.page.locator(".diffdiff-picked", has_text="Click the part").wait_for()
        return infotexts

    def pick(self, along: float) -> None:
        """Click the labelled picture, which the gallery shows first, at this share of its width."""
        gallery = self.page.page.locator("#img2img_gallery")
        gallery.scroll_into_view_if_needed()
        large = gallery.locator("img[data-testid=detailed-image]")
        large.wait_for()
        self.page.until("document.querySelector('#img2img_gallery img[data-testid=detailed-image]').complete")
        self.page.until_same("#img2img_gallery img[data-testid=detailed-image]")
        box = large.bounding_box()
        natural = large.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        scale = min(box["width"] / natural[0], box["height"] / natural[1])
        if large.evaluate("image => getComputedStyle(image).objectFit") == "scale-down":
            scale = min(scale, 1)
        x = box["x"] + box["width"] / 2 + (along - 0.5) * natural[0] * scale
        self.page.page.mouse.click(x, box["y"] + box["height"] / 2)
        self.page.page.locator(".diffdiff-generate-this").wait_for()

    @property
    def note(self) -> str:
        """What stands under the gallery."""
        return self.page.page.locator(".diffdiff-picked").inner_text()

    @property
    def seed(self) -> str:
        return self.page.value("#img2img_seed input[type=number]")

    @property
    def strength(self) -> str:
        return self.page.value("#img2img_denoising_strength input[type=number]")


@pytest.fixture
def fan_page(browser, webui: WebUI):
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    yield FanPage(Page(context.new_page(), webui.url))
    context.close()


class TestOneClick:
    def test_fan_click_ordinary(self, fan_page: FanPage):
        first = fan_page.run("#diffdiff_fan")
        assert parameters(first[0])["Differential Diffusion fan"] == "0.2 0.4 0.6 0.8 1"
        assert parameters(first[0])["Differential Diffusion picture"] == "labelled fan", "the first one shown"
        assert len(first) == 2 and "Differential Diffusion picture" not in parameters(first[1])
        assert fan_page.strength == "0.5", "the user's settings stay"
        fan_page.pick(0.45)
        assert (fan_page.strength, fan_page.seed) == ("0.6", "1")
        assert not fan_page.page.has(".diffdiff-random-seed"), "a fixed seed needs no way back"
        ordinary = fan_page.run("#img2img_generate")
        assert len(ordinary) == 1 and "Differential Diffusion" not in ordinary[0]
        assert parameters(ordinary[0])["Denoising strength"] == "0.6"

    def test_the_plain_picture_opens_as_ever(self, fan_page: FanPage):
        """Only the labelled picture is for picking: the WebUI's own click on the other is left alone."""
        fan_page.run("#diffdiff_fan")
        page = fan_page.page
        large = "#img2img_gallery img[data-testid=detailed-image]"
        before = page.page.locator(large).get_attribute("src")
        page.page.locator("#img2img_gallery .thumbnails button").nth(1).click()
        page.until("([large, before]) => document.querySelector(large)?.src !== before", [large, before])
        page.until_same(large)
        page.page.evaluate("addEventListener('click', (event) => (window.wasStopped = event.defaultPrevented))")
        page.page.locator(large).click()
        if page.has("#lightboxModal"):
            page.page.locator("#lightboxModal img").first.wait_for()
        assert page.page.evaluate("window.wasStopped") is False or page.has("#lightboxModal")
        assert fan_page.strength == "0.5" and not page.has(".diffdiff-generate-this")

    def test_the_seed_stays_until_it_is_given_back(self, fan_page: FanPage):
        fan_page.page.set_numbers(seed=-1)
        seed = parameters(fan_page.run("#diffdiff_fan")[0])["Seed"]
        fan_page.pick(0.3)
        assert seed in fan_page.note and fan_page.seed == seed
        zoomed = fan_page.run(".diffdiff-zoom")
        assert parameters(zoomed[0])["Differential Diffusion fan"] == "0.2 0.3 0.4 0.5 0.6"
        assert parameters(zoomed[0])["Seed"] == seed and seed in fan_page.note
        fan_page.pick(0.95)
        assert fan_page.strength == "0.6"
        ordinary = parameters(fan_page.run(".diffdiff-generate-this")[0])
        assert "Differential Diffusion" not in ordinary
        assert (ordinary["Seed"], ordinary["Denoising strength"]) == (seed, "0.6")
        fan_page.page.click(".diffdiff-random-seed")
        fan_page.page.page.wait_for_function("!document.querySelector('.diffdiff-picked')")
        assert fan_page.seed == "-1"

    def test_the_variation_seed_too(self, fan_page: FanPage):
        page = fan_page.page
        if not page.has("#img2img_subseed"):
            pytest.skip("this WebUI has no variation seed")
        page.click("#img2img_subseed_show input")
        page.set_numbers(subseed=-1, subseed_strength=0.4)
        fan = parameters(fan_page.run("#diffdiff_fan")[0])
        fan_page.pick(0.5)
        ordinary = parameters(fan_page.run(".diffdiff-generate-this")[0])
        assert [ordinary[key] for key in ("Seed", "Variation seed")] == [fan[key] for key in ("Seed", "Variation seed")]

    def test_a_page_that_is_older_than_the_webui_makes_no_fan(self, fan_page: FanPage):
        """A restarted WebUI knows no ticket that was given out before."""
        fan_page.run("#diffdiff_fan")
        fan_page.page.fill("#diffdiff_tag textarea, #diffdiff_tag input", f"fan:{1:032x}")
        fan_page.page.set_numbers(seed=3)
        assert "Differential Diffusion" not in fan_page.run("#img2img_generate")[0]

    def test_picking_moves_nothing_and_generate_changes_the_whole_picture(self, fan_page: FanPage):
        """With the effect on and nothing painted."""
        page = fan_page.page
        page.page.locator("#diffdiff .label-wrap").first.click()
        page.until_same("#diffdiff")
        fan_page.run("#diffdiff_fan")
        place = "document.querySelector('#diffdiff').getBoundingClientRect().height"
        before = page.page.evaluate(place)
        fan_page.pick(0.7)
        page.page.wait_for_timeout(1000)
        assert page.checked("#diffdiff-checkbox input") and page.checked("#diffdiff-visible-checkbox")
        assert page.page.evaluate(place) == before
        ordinary = fan_page.run(".diffdiff-generate-this")[0]
        assert "Differential Diffusion" not in ordinary and parameters(ordinary)["Denoising strength"] == "0.8"
        page.set_numbers(seed=5)
        assert "Differential Diffusion" not in fan_page.run("#img2img_generate")[0], "and so does the one after"

    def test_a_map_that_was_cleared_after_a_fan_is_missed(self, fan_page: FanPage):
        """And the whole picture is not changed without a word."""
        page = fan_page.page
        page.switch(True)
        page.upload_map(columns(255, 128))
        fan_page.run("#diffdiff_fan")
        page.page.locator("#diffdiff_painter").get_by_role("button", name="Clear").click()
        page.until("document.querySelector('#diffdiff_map textarea').value === ''")
        page.generate()
        assert "Nothing is painted yet" in page.error()

    def test_a_fan_over_a_map_turns_ordinary_by_a_click(self, fan_page: FanPage):
        page = fan_page.page
        page.switch(True)
        page.upload_map(columns(255, 128))
        fan_page.run("#diffdiff_fan")
        fan_page.pick(0.7)
        assert fan_page.strength == "0.8"
        ordinary = parameters(fan_page.run("#img2img_generate")[0])
        assert ordinary["Differential Diffusion"] == "map" and ordinary["Denoising strength"] == "0.8"
