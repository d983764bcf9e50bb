"""A change map over a whole upscale: scripts that enlarge a picture and run img2img on its tiles.

Each picture is compared with the one that the script makes without a map. Scripts that the WebUI does not have are
skipped: "SD upscale" comes with it and "MultiDiffusion Integrated" with Forge, the others are extensions.

    Ultimate SD upscale: github.com/Coyote-A/ultimate-upscale-for-automatic1111
    Tiled Diffusion: github.com/pkuliyi2015/multidiffusion-upscaler-for-automatic1111
    ADetailer: github.com/Bing-su/adetailer; tested if it detects something in any picture, as a stand-in does
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from webui.client import Result, WebUI, columns, largest_difference, map_of, parameters, photograph, pixels
from webui.page import Page

HALF, SIDE = 128, 256
"""Of the picture, and of the enlarged one, whose tiles meet in the middle."""
PICTURE = photograph((HALF, HALF))
ENLARGED = PICTURE.resize((SIDE, SIDE), Image.LANCZOS)
STRENGTH = 0.8


@dataclass(frozen=True)
class Upscale:
    """A script with its settings, which makes 256 x 256 pixels in tiles that meet in the middle: of 128 x 128 or, where
    it cannot enlarge them, of the same size.

    Attributes:
        runs: of img2img for one picture: tiles, and what mends their seams.
        border: how far from the middle more than one of the tiles have a share, in pixels.
        is_always_on: whether it has a panel of its own, and no place in the dropdown.
    """

    script: str
    arguments: list[Any]
    runs: int
    border: int
    options: dict[str, Any] = field(default_factory=dict)
    is_always_on: bool = False

    def run(self, webui: WebUI, effect: Any = None, **options: Any) -> Result:
        webui.needs_script(self.script)
        picture, arguments = self.given(webui)
        request = {"steps": 5, "prompt": "autumn", "denoising_strength": STRENGTH, "cfg_scale": 3}
        request |= {"test": {"encoder_seed": 1}}
        if self.is_always_on:
            request |= {"alwayson_scripts": {self.script: {"args": arguments}}}
        else:
            request |= {"script_name": self.script, "script_args": arguments}
        return webui.img2img(picture, effect, **request | self.options | options)

    def given(self, webui: WebUI) -> tuple[Image.Image, list[Any]]:
        """Its picture and arguments."""
        if self is SD_UPSCALE and webui.is_classic:
            return PICTURE, [OVERLAP, "Lanczos", 2.0]
        if self is SD_UPSCALE and "Lanczos" not in webui.upscalers:  # Forge Neo, which enlarges by models alone
            return ENLARGED, [OVERLAP, "None", 2.0, False]
        return PICTURE, self.arguments


def ultimate(redraw: str = "linear", seams: str = "none") -> Upscale:
    """Ultimate SD upscale, by what its panel calls types of redraw and of seams fix; tiles of 128 px, mask blur 8,
    padding 32; seams of 32 px mended at 0.6."""
    redraws, fixes = ("linear", "chess", "none"), ("none", "band pass", "half tile", "half tile + intersections")
    kinds = redraws.index(redraw), fixes.index(seams)
    arguments = [None, HALF, 0, 8, 32, 32, 0.6, 16, 0, False, kinds[0], False, 4, kinds[1], 2, SIDE, SIDE, 2]
    runs = (4, 4, 0)[kinds[0]] + (0, 2, 4, 5)[kinds[1]]
    return Upscale("Ultimate SD upscale", arguments, runs, border=24)


def tiled_diffusion(method: str) -> Upscale:
    """Tiled Diffusion with its own upscaler, tiles of 16 cells that overlap by 4."""
    enlarges = [False, True, SIDE, SIDE, 16, 16, 4, 4, "Lanczos", 2]
    return Upscale("Tiled Diffusion", [True, method, *enlarges, False], 1, 0, is_always_on=True)


def multidiffusion(method: str) -> Upscale:
    """Forge's own, over a run that enlarges the picture: its tiles are 128 px and overlap by 32."""
    arguments, size = [True, method, HALF, HALF, 32, 4], {"width": SIDE, "height": SIDE}
    return Upscale("MultiDiffusion Integrated", arguments, 1, 0, size, is_always_on=True)


TILE, OVERLAP = 192, 128
"""Of SD upscale. Forge Neo rounds a tile's size to 64, without telling the script."""
SD_UPSCALE = Upscale("SD upscale", [None, OVERLAP, 1, 2.0], 4, OVERLAP // 2, {"width": TILE, "height": TILE})
LINEAR, BAND = ultimate(), ultimate(seams="band pass")
ALL = {
    "SD upscale": SD_UPSCALE,
    "linear": LINEAR,
    "chess": ultimate("chess"),
    "band pass": BAND,
    "half tile": ultimate(seams="half tile"),
    "intersections": ultimate("chess", "half tile + intersections"),
    "half tile alone": ultimate("none", "half tile"),
    "MultiDiffusion": tiled_diffusion("MultiDiffusion"),
    "Mixture of Diffusers": tiled_diffusion("Mixture of Diffusers"),
    "MultiDiffusion, Integrated": multidiffusion("MultiDiffusion"),
    "Mixture of Diffusers, Integrated": multidiffusion("Mixture of Diffusers"),
}
REDRAWN = [each for name, each in ALL.items() if name in ("SD upscale", "linear", "chess") or each.is_always_on]
IN_TILES = [each for each in REDRAWN if not each.is_always_on]
NAMES = {id(each): name for name, each in ALL.items()}


def each_of(upscales: list[Upscale]):
    return pytest.mark.parametrize("upscale", upscales, ids=[NAMES[id(each)] for each in upscales])


@pytest.fixture(scope="module")
def plain(webui: WebUI):
    """What a script makes without a map; asked for once."""
    known: dict[tuple, Result] = {}

    def ask(upscale: Upscale, **options: Any) -> Result:
        key = (id(upscale), *sorted(options.items()))
        if key not in known:
            known[key] = upscale.run(webui, **options)
        return known[key]

    return ask


def quadrant(grey: int, others: int, size: int = HALF) -> np.ndarray:
    """A map with its first `size` pixels each way in one grey and the rest in another: uint8 (256, 256)."""
    plane = np.full((SIDE, SIDE), others, np.uint8)
    plane[:size, :size] = grey
    return plane


def made(result: Result) -> np.ndarray:
    """The script's picture: the last one, as Ultimate SD upscale gives it before and after its seams are mended."""
    return pixels(result.images[-1])


def change(result: Result) -> np.ndarray:
    """How much each pixel differs from the enlarged picture: float (H, W)."""
    return np.abs(made(result) - pixels(ENLARGED)).mean(axis=2)


def seam(result: Result) -> float:
    """The mean step across the border between tiles over the steps beside it, within 16 pixels."""
    picture = made(result).astype(float)
    across = [np.abs(np.diff(picture, axis=axis)).mean(axis=(1 - axis, 2))[HALF - 16 : HALF + 15] for axis in (0, 1)]
    return sum(steps[15] for steps in across) / sum(np.delete(steps, 15).mean() for steps in across)


@each_of([*ALL.values()])
class TestEveryScript:
    def test_white_is_the_script_itself(self, webui: WebUI, upscale: Upscale, plain):
        ours = upscale.run(webui, map_of(255))
        assert largest_difference(made(plain(upscale)), made(ours)) <= 1
        assert change(ours).mean() > 2
        assert ours.run.get("calls") == plain(upscale).run.get("calls")

    def test_black_is_the_enlarged_picture(self, webui: WebUI, upscale: Upscale):
        ours = upscale.run(webui, map_of(0))
        assert np.array_equal(made(ours), pixels(ENLARGED))
        assert parameters(ours.infotext)["Differential Diffusion"] == "map"
        webui.needs_test_extension()
        assert ours.run["calls"] == [0] * upscale.runs

    def test_a_black_quadrant_stays(self, webui: WebUI, upscale: Upscale):
        changed = change(upscale.run(webui, map_of(quadrant(0, 255))))
        assert not changed[:HALF, :HALF].any()
        assert changed[HALF + 22 :, HALF + 22 :].mean() > 2


@each_of(REDRAWN)
class TestShares:
    def test_change_rises_with_the_map(self, webui: WebUI, upscale: Upscale):
        ours = upscale.run(webui, map_of(columns(63, 127, 191, 255)), steps=10)
        quarters = [part.mean() for part in np.split(change(ours), 4, axis=1)]
        assert all(weaker < stronger for weaker, stronger in zip(quarters, quarters[1:])), quarters

    def test_grey_is_the_script_at_that_share_of_the_strength(self, webui: WebUI, upscale: Upscale, plain):
        ours, own = upscale.run(webui, map_of(128)), plain(upscale, denoising_strength=STRENGTH / 2)
        assert largest_difference(made(ours), made(own)) <= 1
        print(f"step across the border over those beside it: {seam(ours):.3f}, the script's own {seam(own):.3f}")
        assert seam(ours) <= seam(own) + 0.01

    def test_softness_is_as_wide_as_on_the_picture_given(self, webui: WebUI, upscale: Upscale):
        """A deviation of 8 px reaches 24."""
        webui.needs_script(upscale.script)
        scale = ENLARGED.width // upscale.given(webui)[0].width
        ours = change(upscale.run(webui, map_of(columns(0, 255, size=ENLARGED.size), softness=8)))
        assert not ours[:, : HALF - 24 * scale - 4].any()
        assert ours[:, HALF - 20 * scale : HALF - 12 * scale].mean() > 0.2


@each_of(IN_TILES)
class TestTiles:
    def test_grey_on_one_tile_is_that_tile_at_that_share_of_the_strength(self, webui: WebUI, upscale: Upscale, plain):
        """Of the tile that comes first, so that its neighbours are the same."""
        ours = upscale.run(webui, map_of(quadrant(128, 0, HALF + upscale.border)))
        weaker = plain(upscale, denoising_strength=STRENGTH / 2)
        inner = slice(0, HALF - upscale.border)
        tiles = [made(each)[inner, inner] for each in (weaker, ours)]
        assert largest_difference(*tiles) <= 1
        assert largest_difference(made(plain(upscale))[inner, inner], tiles[1]) > 10

    def test_tiles_that_cannot_change_cost_no_call(self, webui: WebUI, upscale: Upscale):
        webui.needs_test_extension()
        calls = upscale.run(webui, map_of(quadrant(255, 0, HALF - upscale.border))).run["calls"]
        assert calls[0] > 0 and not any(calls[1:]) and len(calls) == upscale.runs

    def test_an_interrupt_keeps_what_was_not_reached(self, webui: WebUI, upscale: Upscale, plain):
        webui.needs_test_extension()
        ours = upscale.run(webui, map_of(255), test={"encoder_seed": 1, "interrupt_at": 2, "in_run": 2})
        not_reached = slice(HALF + upscale.border, None)
        assert change(ours)[: HALF - upscale.border, : HALF - upscale.border].mean() > 2
        assert not change(ours)[not_reached, : HALF - upscale.border].any()
        assert not any(ours.run["calls"][2:])
        assert ours.run["hooks"] == 0 and not ours.run["left"]
        again = upscale.run(webui)
        assert largest_difference(made(plain(upscale)), made(again)) <= 1


def test_seams_mended_where_the_map_is_black_stay(webui: WebUI):
    plane = np.full((SIDE, SIDE), 255, np.uint8)
    black = slice(HALF - 32, HALF + 32)
    plane[black] = plane[:, black] = 0
    ours = BAND.run(webui, map_of(plane))
    assert not change(ours)[black].any() and not change(ours)[:, black].any()
    webui.needs_test_extension()
    assert ours.run["calls"][4:] == [0, 0] and all(ours.run["calls"][:4])


@each_of([SD_UPSCALE, LINEAR])
def test_an_inpaint_mask_lies_over_the_whole_picture(webui: WebUI, upscale: Upscale):
    webui.needs_script(upscale.script)
    mask = Image.fromarray(columns(0, 255, size=upscale.given(webui)[0].size))
    ours = change(upscale.run(webui, {"source": "mask"}, mask=mask))
    assert not ours[:, :HALF].any()
    assert ours[:, HALF + 22 :].mean() > 2


def test_tiles_in_a_batch_have_their_own_parts(webui: WebUI):
    effect = map_of(columns(0, 128, 255, 64))
    apart, together = (SD_UPSCALE.run(webui, effect, batch_size=size) for size in (1, 4))
    assert largest_difference(made(apart), made(together)) <= 2


def test_a_map_of_another_shape_is_stretched(webui: WebUI):
    plane = np.full((32, 96), 255, np.uint8)
    plane[:, :48] = 0
    changed = change(SD_UPSCALE.run(webui, map_of(plane), batch_size=2))
    assert not changed[:, :HALF].any()
    assert changed[:, HALF + 6 :].mean() > 2


@each_of([SD_UPSCALE, LINEAR])
def test_a_fan_is_refused(webui: WebUI, upscale: Upscale):
    webui.needs_script(upscale.script)
    picture, arguments = upscale.given(webui)
    request = {"script_name": upscale.script, "script_args": arguments}
    body = webui.body(picture, {"source": "fan"}, **request | upscale.options)
    status, message = webui.refused(body)
    assert status == 422 and "a strength fan is made by one run" in message
    assert upscale.script.lower() in message.lower()


ITS_SCRIPTS = "dynamic_prompting,dynamic_thresholding,lora_block_weight,negpip,wildcard_recursive,wildcards"
"""What ADetailer lists by itself. A WebUI does not tell this option, so the last request leaves it as that."""


DETECTED = 160
"""What ADetailer finds ends there, at five eighths of the width and height; it begins at an eighth."""


@pytest.mark.parametrize("is_listed", [True, False])
class TestADetailer:
    def run(self, webui: WebUI, is_listed: bool, effect: Any = None, strength: float = 0.8, **options: Any) -> Result:
        webui.needs_script("ADetailer")
        detector = {"ad_model": "mediapipe_face_full", "ad_denoising_strength": strength}
        request = {"alwayson_scripts": {"ADetailer": {"args": [True, False, detector]}}, "steps": 5, "prompt": "autumn"}
        listed = f"{ITS_SCRIPTS},differential_diffusion" if is_listed else ITS_SCRIPTS
        request |= {"override_settings": {"ad_script_names": listed}}
        request |= {"denoising_strength": 0.4, "cfg_scale": 3, "test": {"encoder_seed": 1}}
        return webui.img2img(ENLARGED, effect, **request | options)

    def test_white_is_the_run_itself(self, webui: WebUI, is_listed: bool):
        plain, ours = (self.run(webui, is_listed, effect) for effect in (None, map_of(255)))
        assert largest_difference(plain.images[0], ours.images[0]) <= 1
        without = webui.img2img(ENLARGED, steps=5, prompt="autumn", denoising_strength=0.4, cfg_scale=3)
        assert largest_difference(plain.images[0], without.images[0]) > 20, "it must have found something"

    def test_black_parts_stay(self, webui: WebUI, is_listed: bool):
        ours = self.run(webui, is_listed, map_of(quadrant(0, 255)))
        changed = change(ours)
        assert parameters(ours.infotext)["Differential Diffusion"] == "map"
        assert not changed[:HALF, :HALF].any()
        assert changed[HALF:DETECTED, HALF:DETECTED].mean() > 2

    def test_grey_is_a_share_of_its_strength_if_it_is_listed(self, webui: WebUI, is_listed: bool):
        grey = self.run(webui, is_listed, map_of(128))
        same = self.run(webui, False, map_of(128), strength=0.4 if is_listed else 0.8)
        assert largest_difference(grey.images[0], same.images[0]) <= 1

    def test_a_cropped_run_and_a_fan_are_no_broken_pictures(self, webui: WebUI, is_listed: bool):
        mask = Image.fromarray(columns(0, 255, size=ENLARGED.size))
        cropped = {"mask": mask, "inpaint_full_res": True, "inpainting_fill": 1, "width": HALF, "height": HALF}
        changed = change(self.run(webui, is_listed, {"source": "mask"}, **cropped))
        assert changed.shape == (SIDE, SIDE) and not changed[:, :HALF].any()
        fan = self.run(webui, is_listed, {"source": "fan", "fan_count": 2})
        assert fan.images[0].size == ENLARGED.size and len(fan.images) == 2


@pytest.fixture
def page(browser, webui: WebUI):
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    opened = Page(context.new_page(), webui.url)
    opened.to_tab("img2img")
    yield opened
    context.close()


def choose_script(page: Page, title: str) -> None:
    field = page.page.locator("#img2img_script_container #script_list input")
    field.evaluate("field => field.focus()")
    field.fill(title)
    field.press("Enter")


def test_each_picture_of_a_folder_is_enlarged_with_its_own_mask(webui: WebUI, page: Page, tmp_path):
    webui.needs_script("SD upscale")
    if not page.has("#img2img_batch_inpaint_mask_dir"):
        pytest.skip("this WebUI has no Batch tab")
    folders = {name: tmp_path / name for name in ("input", "output", "inpaint_mask")}
    lanczos = "#script_sd_upscale_upscaler_index input[value=Lanczos]"  # a dropdown on Forge Neo and Forge Classic
    picture = PICTURE if page.has(lanczos) else ENLARGED
    kept = {"left": np.s_[:, :HALF], "right": np.s_[:, HALF:]}
    masks = {"left": columns(0, 255, size=picture.size), "right": columns(255, 0, size=picture.size)}
    for folder in folders.values():
        folder.mkdir()
    for name, mask in masks.items():
        picture.save(folders["input"] / f"{name}.png")
        Image.fromarray(mask).save(folders["inpaint_mask"] / f"{name}.png")
    page.to_batch()
    page.set_numbers(width=TILE, height=TILE, steps=4, denoising_strength=STRENGTH, seed=1)
    page.switch(True)
    page.page.locator("#diffdiff_source input[value=mask]").dispatch_event("click")
    page.until_chosen("source", "mask")
    choose_script(page, "SD upscale")
    if picture is PICTURE:
        page.page.locator(lanczos).dispatch_event("click")
    for name, folder in folders.items():
        page.fill(f"#img2img_batch_{name}_dir textarea, #img2img_batch_{name}_dir input", folder)
    page.page.wait_for_timeout(500)  # gradio tells nobody when it has taken a field
    page.generate()
    while page.error() == "" and len(list(folders["output"].rglob("*.png"))) < len(masks):
        page.page.wait_for_timeout(500)  # the test's own timeout ends this
    results = sorted(folders["output"].rglob("*.png"))
    for result, name in zip(results, sorted(masks), strict=True):
        changed = np.abs(pixels(Image.open(result)) - pixels(ENLARGED)).max(axis=2)
        other = kept["right" if name == "left" else "left"]
        assert not changed[kept[name]].any() and changed[other].mean() > 2, name
    plain = webui.img2img(PICTURE, steps=4, seed=1)
    assert "Differential Diffusion" not in plain.infotext


def test_the_panel_says_what_becomes_of_the_map(webui: WebUI, page: Page):
    webui.needs_script("SD upscale")
    page.switch(True)
    line = page.page.locator("#diffdiff_script_line").last
    said = {"SD upscale": "laid over the enlarged picture", "Outpainting mk2": "is not used", "Loopback": ""}
    for script, words in said.items():
        if script.lower() not in webui.scripts:
            continue
        choose_script(page, script)
        expect(line).to_contain_text(words) if words else expect(line).to_be_hidden()
