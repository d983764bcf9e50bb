"""A map over runs that make a part of a larger picture: tiles of an upscale, and what a detector found."""

from contextlib import contextmanager
from copy import copy
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pointwise import ScriptHost, base64_of, columns, photograph

from differential_diffusion.change_map import Bounds, Extent
from differential_diffusion.host import tiles
from differential_diffusion.host.run import Img2ImgRun
from modules import images, scripts, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images

PICTURE = photograph((128, 64))
LEFT = (0, 0, 63, 63)
OPTIONS = {"sampler_name": "Euler", "steps": 10, "denoising_strength": 0.8}


@pytest.fixture
def chosen(host):
    """Chooses a script of a title in the img2img tab's dropdown."""

    def choose(title):
        host.runner.selectable_scripts = [SimpleNamespace(title=lambda: title)]

    yield choose
    host.runner.selectable_scripts = []


def pixels(image):
    return np.asarray(image.convert("RGB")).astype(int)


def difference(one, other):
    return int(np.abs(pixels(one) - pixels(other)).max())


def change(run):
    """How much each pixel of a run's picture differs from the input: int (H, W)."""
    return np.abs(pixels(run.images[0]) - pixels(PICTURE)).max(axis=2)


def map_of(*greys, **keys):
    return {"map": base64_of(columns(*greys, size=PICTURE.size))} | keys


def tile_mask(box):
    mask = Image.new("L", PICTURE.size)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def masked_tile(host, effect, mask=None, given_mask=None, given=PICTURE, **options):
    """As "Ultimate SD upscale" runs the left tile while it goes on: on the whole picture, masked and cropped to it.

    Args:
        given, given_mask: what the run's user gave before the script began.
    """

    def tile(p):
        p.init_images, p.image_mask, p.inpaint_full_res = [PICTURE], mask or tile_mask(LEFT), True
        p.width, p.height, p.mask_blur_x, p.mask_blur_y, p.inpaint_full_res_padding = 96, 96, 4, 4, 16
        return host.img2img(PICTURE, p=p, script_args=[1, effect if effect is not None else False])

    options = {"init_images": [given], "inpainting_fill": 1, "mask": given_mask} | options
    return under_script(host, tile, options)


def under_script(host, script, options):
    """What the chosen script makes of a run with `options`, called by the runner as in a WebUI."""

    with running(script) as run:
        given = {"sd_model": host.model, "seed": 7, "cfg_scale": 1.0} | OPTIONS | options
        return run(StableDiffusionProcessingImg2Img(**given))


@contextmanager
def running(script):
    class Runner:
        def run(self, p):
            return script(p)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scripts, "ScriptRunner", Runner)
        tiles.keep_given()
        tiles.keep_given()
        yield Runner().run


class TestTilesByMask:
    @pytest.fixture(autouse=True)
    def ultimate(self, chosen):
        chosen("Ultimate SD upscale")

    @pytest.mark.parametrize("sampler", ["Euler", "DDIM", "DPM++ 2M"])
    @pytest.mark.parametrize("kind", ["sharp", "grey gradient"])
    def test_white_is_the_tile_itself(self, host, sampler, kind):
        mask = tile_mask(LEFT)
        if kind == "grey gradient":
            mask.paste(Image.linear_gradient("L").rotate(90).resize((64, 64)))
        plain, ours = (masked_tile(host, effect, mask, sampler_name=sampler) for effect in (None, map_of(255)))
        assert difference(plain.images[0], ours.images[0]) <= 1
        assert ours.levels == plain.levels and ours.p.paste_to == plain.p.paste_to
        assert change(ours)[:, :48].mean() > 5

    def test_grey_is_the_tile_at_that_share_of_the_strength(self, host):
        ours = masked_tile(host, map_of(128))
        plain = masked_tile(host, None, denoising_strength=0.8 * 128 / 255)
        assert difference(plain.images[0], ours.images[0]) <= 1
        assert ours.levels == plain.levels

    @pytest.mark.parametrize("greys", [(0,), (0, 0, 0, 255)])
    def test_what_is_black_in_the_tile_stays_without_a_call(self, host, greys):
        ours = masked_tile(host, map_of(*greys))
        assert not change(ours).any() and not ours.levels
        assert bool(ours.p.comments) == (greys == (0,)), "a note is for a map that is black altogether"

    def test_black_parts_of_a_tile_stay(self, host):
        changed = change(masked_tile(host, map_of(0, 255, 255, 255)))
        assert not changed[:, :32].any() and changed[:, 40:56].mean() > 5

    def test_everyone_sees_the_tiles_own_mask(self, host):
        seen = []

        class Onlooker(scripts.Script):
            filename, args_from, args_to = "onlooker", 0, 0

            def process(self, p):
                seen.append((p.image_mask, p.mask_blur_x, p.inpaint_full_res_padding))

        host.runner.alwayson_scripts.append(Onlooker())
        try:
            mask = tile_mask(LEFT)
            run = masked_tile(host, map_of(0, 255, softness=8), mask)
        finally:
            host.runner.alwayson_scripts.pop()
        assert seen == [(mask, 4, 16)]
        assert run.p.image_mask is mask and not {"init", "sample"} & vars(run.p).keys()

    @pytest.mark.parametrize("is_inverted", [False, True])
    def test_the_mask_that_the_tiles_replace_counts_too(self, host, is_inverted):
        greys = (255, 0, 0, 0) if is_inverted else (0, 255, 255, 255)
        mask = Image.fromarray(columns(*greys, size=PICTURE.size))
        changed = change(masked_tile(host, map_of(255), given_mask=mask, inpainting_mask_invert=int(is_inverted)))
        assert not changed[:, :32].any() and changed[:, 40:56].mean() > 5

    def test_a_folder_of_pictures_gets_the_same_map_for_each(self, host):
        p = StableDiffusionProcessingImg2Img(sd_model=host.model, init_images=[PICTURE], mask=None)
        seen = []

        def script(p):
            seen.append(tiles.Given.to(p).image_mask)
            p.image_mask = tile_mask(LEFT)

        with running(script) as run:
            run(p)
            run(p)
            p.image_mask = mask = tile_mask((0, 0, 9, 9))
            run(p)
        assert seen == [None, None, mask]

    def test_softness_grows_with_the_picture(self, host):
        """A deviation of 2 px of a picture of half the size is one of 4 here, and reaches 12."""
        effect = map_of(0, 255, softness=2)
        changed = change(masked_tile(host, effect, tile_mask((0, 0, 127, 63)), given=PICTURE.resize((64, 32))))
        assert not changed[:, : 64 - 12].any() and changed[:, 64 - 8 : 64].any()

    def test_a_fan_is_refused(self, host):
        with pytest.raises(Exception, match='script "Ultimate SD upscale" makes one for each tile'):
            masked_tile(host, {"source": "fan"})


class TestCutTiles:
    BOXES = ((0, 0, 64, 64), (32, 0, 64, 64), (64, 0, 64, 64))
    GREYS = (0, 90, 255, 40)

    @pytest.fixture(autouse=True, params=["SD upscale", "SD Upscale"])  # as in AUTOMATIC1111, as in Forge Neo
    def sd_upscale(self, chosen, request):
        chosen(request.param)

    @pytest.fixture
    def cut(self, monkeypatch):
        """Tiles of the picture, as a WebUI cuts them."""

        def split_grid(image, tile_w=64, tile_h=64, overlap=32):
            row = [[x, w, image.crop((x, y, x + w, y + h))] for x, y, w, h in self.BOXES]
            return SimpleNamespace(tiles=[[0, 64, row]])

        monkeypatch.setattr(images, "split_grid", split_grid, raising=False)
        tiles.mark_tiles()
        tiles.mark_tiles()
        return [tile for _, _, tile in images.split_grid(PICTURE).tiles[0][2]]

    def run(self, host, pictures, effect, **options):
        def batch(p):
            p.init_images = pictures
            return host.img2img(PICTURE, p=p, script_args=[1, effect])

        return under_script(host, batch, {"init_images": [PICTURE], "width": 64, "height": 64} | options)

    def test_a_batch_of_tiles_is_each_with_its_part_of_the_map(self, host, cut):
        together = self.run(host, cut, map_of(*self.GREYS), batch_size=3)
        whole = columns(*self.GREYS, size=PICTURE.size)
        for index, (x, y, w, h) in enumerate(self.BOXES):
            effect = {"map": base64_of(whole[y : y + h, x : x + w])}
            alone = host.img2img(cut[index], effect, seed=7 + index, **OPTIONS)
            # beside a tile's edge, the run alone does not know that the map is black there
            assert np.abs(pixels(together.images[index]) - pixels(alone.images[0]))[:, 8:-8].max() <= 1

    def test_softness_reaches_from_tile_to_tile(self, host, cut):
        ours = self.run(host, cut[:1], map_of(0, 255, softness=4))
        changed = np.abs(pixels(ours.images[0]) - pixels(cut[0])).max(axis=2)
        assert not changed[:, : 64 - 12].any() and changed[:, 64 - 8 :].any()

    def test_tiles_alone_equal_the_batch(self, host, cut):
        together = self.run(host, cut, map_of(*self.GREYS), batch_size=3)
        for index, tile in enumerate(cut):
            alone = self.run(host, [tile], map_of(*self.GREYS), seed=7 + index)
            assert np.array_equal(pixels(alone.images[0]), pixels(together.images[index]))

    def test_a_black_batch_costs_no_call(self, host, cut):
        run = self.run(host, cut[:1], map_of(0, 0, 255, 255))
        assert not run.levels and not run.p.comments
        assert np.array_equal(pixels(run.images[0]), pixels(cut[0]))

    def test_the_script_finds_its_tiles_alone_among_the_pictures(self, host, cut, request):
        before = shared.opts.return_mask
        request.addfinalizer(lambda: setattr(shared.opts, "return_mask", before))
        shared.opts.return_mask = True
        effect = map_of(*self.GREYS, show_change=True)
        run = self.run(host, cut, effect, batch_size=3)
        assert len(run.images) == 3
        assert [note for note in run.p.comments if "what changed is not shown" in note]

    def test_tiles_not_reached_before_an_interrupt_are_as_they_were(self, host, cut):
        """Where a batch brings no picture, the script puts black."""

        def interrupted(p):
            p.init_images, p.scripts, p.script_args = cut[:2], host.runner, [1, map_of(255)]
            shared.state.begin("test")
            shared.state.interrupt()
            try:
                return process_images(p)
            finally:
                shared.state.end()

        options = {"init_images": [PICTURE], "width": 64, "height": 64, "batch_size": 2}
        processed = under_script(host, interrupted, options)
        assert [difference(*pair) for pair in zip(processed.images, cut[:2], strict=True)] == [0, 0]

    def test_tiles_that_nobody_marked_switch_it_off(self, host):
        run = self.run(host, [PICTURE.crop((0, 0, 64, 64))], map_of(0, 255))
        assert [note for note in run.p.comments if "does not tell where its tiles lie" in note]

    def test_a_fan_is_refused(self, host, cut):
        with pytest.raises(Exception, match="a strength fan is made by one run"):
            self.run(host, cut, {"source": "fan"})


@pytest.mark.parametrize("box", [(-8, 4, 16, 8), (120, 60, 16, 16)])
def test_a_tile_that_reaches_beyond_the_picture_draws_the_edges_out(box):
    plane = np.random.default_rng(1).random((64, 128))
    tile = tiles.Tile(Extent(128, 64), Bounds(*box))
    padded = np.pad(plane, 16, mode="edge")
    x, y, w, h = box
    assert np.array_equal(tile.cut(plane), padded[y + 16 : y + 16 + h, x + 16 : x + 16 + w])


class Detector(scripts.Script):
    """Makes a rectangle of each result again, as ADetailer does."""

    filename, args_from, args_to = "detector", 0, 0

    def __init__(self, box, is_listed, strength):
        self.box, self.is_listed, self.strength, self.inner = box, is_listed, strength, []

    def postprocess_image(self, p, picture):
        mask = Image.new("L", picture.image.size)
        ImageDraw.Draw(mask).rectangle(self.box, fill=255)
        inner = StableDiffusionProcessingImg2Img(
            sd_model=p.sd_model, seed=3, cfg_scale=1.0, init_images=[picture.image], mask=mask, mask_blur=4, width=64,
            height=64, inpainting_fill=1, inpaint_full_res=True, inpaint_full_res_padding=8, sampler_name="Euler",
            steps=10, denoising_strength=self.strength,
        )  # fmt: skip
        inner._ad_inner = True
        if self.is_listed:
            inner.scripts, inner.script_args = ScriptsWithout(p.scripts, self), p.script_args
        p.scripts.postprocess(copy(p), SimpleNamespace(images=[], infotexts=[], index_of_first_image=0, comments=""))
        picture.image = process_images(inner).images[0]
        p.scripts.before_process(copy(p))
        self.inner.append(inner)


class ScriptsWithout(scripts.ScriptRunner):
    def __init__(self, runner, left_out):
        vars(self).update(vars(runner))
        self.alwayson_scripts = [script for script in runner.alwayson_scripts if script is not left_out]


class TestDetections:
    BOX = (16, 8, 79, 55)

    def run(self, host, effect, is_listed, inner_strength=0.9, **options):
        detector = Detector(self.BOX, is_listed, inner_strength)
        host.runner.alwayson_scripts.append(detector)
        try:
            ours = ScriptHost.img2img(host, PICTURE, effect, **OPTIONS | options)
        finally:
            host.runner.alwayson_scripts.pop()
        return ours, detector

    @pytest.mark.parametrize("is_listed", [False, True])
    def test_what_is_black_stays(self, host, is_listed):
        ours, _ = self.run(host, map_of(0, 0, 255, 255), is_listed)
        changed = change(ours)
        assert not changed[:, :64].any() and changed[:, 72:].mean() > 5
        assert "Differential Diffusion: map" in ours.infotext

    def test_listed_the_map_acts_inside_the_detection(self, host):
        """Where it is grey, as the detection at that share of its strength; nothing outside of it is touched."""
        grey, _ = self.run(host, map_of(128), True)
        weaker, _ = self.run(host, map_of(128), False, inner_strength=0.9 * 128 / 255)
        assert difference(grey.images[0], weaker.images[0]) <= 1
        unlisted, _ = self.run(host, map_of(128), False)
        assert difference(grey.images[0], unlisted.images[0]) > 10

    def test_a_white_map_makes_no_difference_in_a_detection(self, host):
        listed, unlisted = (self.run(host, map_of(255), is_listed)[0] for is_listed in (True, False))
        assert np.abs(pixels(listed.images[0]) - pixels(unlisted.images[0])).max() <= 1

    def test_a_fan_stays_what_it_is(self, host):
        _, detector = self.run(host, {"source": "fan", "fan_count": 2}, True)
        assert "Differential Diffusion" not in detector.inner[0].extra_generation_params

    def test_without_a_map_in_the_run_there_is_none_in_its_detections(self, host):
        self.run(host, map_of(255), True)
        _, detector = self.run(host, {"enabled": False}, True)
        assert "Differential Diffusion" not in detector.inner[0].extra_generation_params
        assert Img2ImgRun.finishing is None
