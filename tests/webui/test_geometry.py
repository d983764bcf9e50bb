"""Where the map, the mask and the picture lie: sizes, resize modes, inpaint tabs, and what stays bit-equal."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from webui.client import WebUI, base64_of, columns, largest_difference, map_of, photograph, pixels

PICTURE = photograph()
FEATHER = 8
"""Pixels of one latent cell, within which the generated part fades into the kept one."""
LATENT_UPSCALE = 3
"""Place among the resize modes."""


def changed(one, other) -> np.ndarray:
    """Where two pictures differ, bool (H, W)."""
    return (one != other).any(axis=2)


def rectangle(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def covered(picture: tuple[int, int], mode: int) -> np.ndarray:
    """Where a picture of that size lies on 128 x 128 pixels, bool (H, W): with "Resize and fill" not everywhere."""
    where = np.zeros((128, 128), bool)
    width, height = (128 * side // max(picture) for side in picture) if mode == 2 else (128, 128)
    where[64 - height // 2 :, 64 - width // 2 :][:height, :width] = True
    return where


def jump(picture: np.ndarray, column: int) -> float:
    """Mean step across the border left of `column`."""
    return float(np.abs(picture[:, column] - picture[:, column - 1]).mean())


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(128, 128), (192, 96), (100, 180), (96, 64)])
@pytest.mark.parametrize("map_size", [(128, 128), (300, 64)])
def test_the_map_goes_where_the_picture_goes(webui: WebUI, mode, size, map_size):
    """The map's black half belongs to the left half of the input, wherever the resize mode puts that, and comes out
    as the WebUI shows the input: what it returns for the same request at strength 0 on a black map."""
    picture = photograph(size)
    options = {"width": 128, "height": 128, "resize_mode": mode}
    given = webui.img2img(picture, map_of(0), **options).pixels
    ours = webui.img2img(picture, {"map": base64_of(columns(0, 255, size=map_size))}, **options)
    assert ours.images[0].size == (128, 128)
    moved = changed(ours.pixels, given) & covered(size, mode)
    assert not moved[:, :64].any(), "kept to the bit"
    assert moved[:, 64 + FEATHER :][covered(size, mode)[:, 64 + FEATHER :]].mean() > 0.9


def test_outpainting(webui: WebUI):
    """With "Resize and fill", what the picture does not cover has nothing to keep."""
    picture = photograph((64, 64))
    options = {"width": 128, "height": 64, "resize_mode": 2}
    ours = webui.img2img(picture, map_of(0), **options).pixels
    plain = webui.img2img(picture, **options).pixels
    moved = changed(ours, np.pad(pixels(picture), ((0, 0), (32, 32), (0, 0)), "edge"))
    assert not moved[:, 32:96].any(), "the picture is kept to the bit"
    assert moved[:, :24].mean() > 0.9 and moved[:, 104:].mean() > 0.9
    assert largest_difference(ours, plain) > 20, "and is changed without a map"
    soft = changed(webui.img2img(picture, map_of(0, softness=4), **options).pixels[:, 32:96], pixels(picture))
    assert soft[:, :4].mean() > 0.5 and not soft[:, 12:52].any() and soft[:, 60:].mean() > 0.5


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_a_black_map_is_the_picture_as_the_webui_resized_it(webui: WebUI, mode):
    picture = photograph((256, 128))
    ours = webui.img2img(picture, map_of(0), width=128, height=128, resize_mode=mode).pixels
    if mode == 0:
        expected = picture.resize((128, 128), Image.LANCZOS)
    elif mode == 1:
        expected = picture.crop((64, 0, 192, 128))
    else:
        expected = picture.resize((128, 64), Image.LANCZOS)
        ours = ours[32:96]
    assert largest_difference(ours, pixels(expected)) == 0


class TestExact:
    @pytest.mark.parametrize("batch", [1, 2])
    def test_kept_pixels_are_bit_equal_and_the_border_shows_no_seam(self, webui: WebUI, batch):
        """The step across the border, against what the picture itself does from pixel to pixel (measured: 0.9)."""
        ours = webui.img2img(PICTURE, map_of(columns(0, 255)), batch_size=batch, denoising_strength=0.9)
        own = np.abs(np.diff(pixels(PICTURE), axis=1)).mean()
        for image in ours.images:
            assert not changed(pixels(image), pixels(PICTURE))[:, :64].any()
            ratio = jump(pixels(image), 64) / own
            print(f"step across the border: {ratio:.2f} of the picture's own")
            assert ratio <= 1.5

    def test_a_hard_paste_would_show_a_seam(self, webui: WebUI):
        """What the test above would say of a picture laid together without a feather."""
        free = webui.img2img(PICTURE, map_of(255), denoising_strength=0.9).pixels
        pasted = np.concatenate([pixels(PICTURE)[:, :64], free[:, 64:]], axis=1)
        assert jump(pasted, 64) > 1.5 * np.abs(np.diff(pixels(PICTURE), axis=1)).mean()

    def test_keep_exact_wins_over_the_overlay_option(self, webui: WebUI):
        webui.needs_option("overlay_inpaint")
        ours = webui.img2img(PICTURE, map_of(columns(0, 255)), override_settings={"overlay_inpaint": False})
        assert not changed(ours.pixels, pixels(PICTURE))[:, :64].any()

    def test_keep_exact_off_passes_everything_through_the_autoencoder(self, webui: WebUI):
        ours = webui.img2img(PICTURE, map_of(columns(0, 255), keep_exact=False))
        assert changed(ours.pixels, pixels(PICTURE))[:, :64].any()
        assert "Differential Diffusion keep exact: False" in ours.infotext

    def test_softness_reaches_three_deviations(self, webui: WebUI):
        ours = webui.img2img(PICTURE, map_of(columns(0, 0, 0, 255), softness=8))
        moved = changed(ours.pixels, pixels(PICTURE))
        assert not moved[:, : 96 - 24].any() and moved[:, 96 - 12 :].mean() > 0.9


class TestInpaintTabs:
    """The masks of the Inpaint, Inpaint sketch and Inpaint upload tabs arrive as the request's mask."""

    picture = photograph((200, 160), seed=5)
    box = (60, 48, 124, 112)

    def run(self, webui: WebUI, effect, mask=None, **options):
        mask = rectangle(self.picture.size, self.box) if mask is None else mask
        options = {"width": 128, "height": 128, "mask": mask, "mask_blur": 0} | options
        return webui.img2img(self.picture, effect, **options)

    @pytest.mark.parametrize("fill", [0, 1, 2, 3])
    @pytest.mark.parametrize("padding", [0, 24])
    @pytest.mark.parametrize("softness", [0, 4])
    def test_only_masked(self, webui: WebUI, fill, padding, softness):
        webui.needs_fill(fill)
        ours = self.run(
            webui,
            {"source": "mask", "softness": softness},
            inpaint_full_res=True,
            inpaint_full_res_padding=padding,
            inpainting_fill=fill,
        )
        assert ours.images[0].size == self.picture.size, "pasted back"
        moved = changed(ours.pixels, pixels(self.picture))
        x1, y1, x2, y2 = self.box
        reach = 3 * softness
        inside = np.zeros_like(moved)
        inside[y1 - reach : y2 + reach, x1 - reach : x2 + reach] = True
        assert not moved[~inside].any() and moved[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8].mean() > 0.9

    def needs_a_plain_run(self, webui: WebUI, **options: Any) -> None:
        """Forge Classic cannot lay a mask over a picture that is resized in latents."""
        try:
            self.run(webui, None, **options)
        except RuntimeError as error:
            pytest.skip(f"{webui.url} fails without a map as well: {error}")

    @pytest.mark.parametrize("fill", [0, 1, 2, 3])
    @pytest.mark.parametrize("mode", [0, 1, 2, 3])
    def test_whole_picture(self, webui: WebUI, fill, mode):
        webui.needs_fill(fill)
        options = {"inpaint_full_res": False, "inpainting_fill": fill, "resize_mode": mode}
        if mode == LATENT_UPSCALE:
            self.needs_a_plain_run(webui, **options)
        given = self.run(webui, map_of(0), **options).pixels
        ours = self.run(webui, {"source": "mask"}, **options)
        assert ours.images[0].size == (128, 128)
        moved = changed(ours.pixels, given) & covered(self.picture.size, mode)
        assert 0.05 < moved.mean() < 0.4
        assert not moved[:24].any() and not moved[:, :16].any() and moved[56:72, 56:64].mean() > 0.9

    def test_inpaint_not_masked(self, webui: WebUI):
        ours = self.run(webui, {"source": "mask"}, inpainting_mask_invert=1, inpainting_fill=1)
        moved = changed(ours.pixels, pixels(self.picture))
        x1, y1, x2, y2 = self.box
        assert not moved[y1:y2, x1:x2].any() and moved[: y1 - 16].mean() > 0.9
        assert "Mask mode: Inpaint not masked" in ours.infotext

    def test_mask_blur_only_widens_the_crop(self, webui: WebUI):
        options = {"inpainting_fill": 1, "inpaint_full_res": False}
        sharp, blurred = (self.run(webui, {"source": "mask"}, mask_blur=blur, **options) for blur in (0, 16))
        assert largest_difference(sharp.images[0], blurred.images[0]) <= 1
        cropped = self.run(webui, {"source": "mask"}, mask_blur=16, inpainting_fill=1, inpaint_full_res=True)
        x1, y1, x2, y2 = self.box
        moved = changed(cropped.pixels, pixels(self.picture))
        assert moved[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8].mean() > 0.9
        moved[y1:y2, x1:x2] = False
        assert not moved.any()

    @pytest.mark.parametrize("fill", [0, 1, 2, 3])
    @pytest.mark.parametrize("mode", [0, 1, 2, 3])
    @pytest.mark.parametrize("why", ["map black under the mask", "black mask", "white mask, inverted"])
    def test_where_nothing_can_change_only_masked_is_the_input(self, webui: WebUI, why, mode, fill):
        webui.needs_fill(fill)
        effect = map_of(columns(255, 0, 0)) if why == "map black under the mask" else {"source": "mask"}
        mask = Image.new("L", self.picture.size, 255 if "inverted" in why else 0)
        if "under" in why:
            mask.paste(255, (100, 48, 164, 112))
        options = {"inpainting_mask_invert": int("inverted" in why), "inpainting_fill": fill, "resize_mode": mode}
        ours = self.run(webui, effect, mask=mask, inpaint_full_res=True, inpaint_full_res_padding=16, **options)
        assert ours.images[0].size == self.picture.size
        assert largest_difference(ours.images[0], self.picture) == 0

    def test_the_hosts_mask_multiplies_the_map(self, webui: WebUI):
        options = {"inpaint_full_res": False, "inpainting_fill": 1}
        size = (128, 128)
        mask = Image.fromarray(columns(0, 255, size=size))
        ours = webui.img2img(PICTURE, map_of(columns(255, 0).T.copy()), mask=mask, mask_blur=0, **options)
        moved = changed(ours.pixels, pixels(PICTURE))
        assert not moved[:, :64].any() and not moved[64:].any() and moved[:56, 72:].mean() > 0.9

    @pytest.mark.parametrize("how", ["grey", "transparent", "rounding off"])
    def test_a_grey_mask_is_a_change_map(self, webui: WebUI, how):
        """With source "mask", greys and half-transparent strokes are strengths, also where the WebUI rounds them."""
        greys = np.zeros((160, 200), np.uint8)
        greys[48:112, 30:60], greys[48:112, 140:170] = 100, 160
        mask = Image.fromarray(greys)
        if how == "transparent":
            mask = Image.new("RGBA", self.picture.size, "red")
            mask.putalpha(Image.fromarray(greys))
        options = {"inpainting_fill": 1, "inpaint_full_res": False, "mask_round": how != "rounding off"}
        ours = self.run(webui, {"source": "mask"}, mask=mask, **options)
        as_map = webui.img2img(self.picture, map_of(greys), width=128, height=128)
        assert largest_difference(ours.images[0], as_map.images[0]) <= 1
        assert changed(ours.pixels, pixels(self.picture.resize((128, 128), Image.LANCZOS)))[48:80, 22:36].mean() > 0.9

    def test_a_black_mask_keeps_everything(self, webui: WebUI):
        ours = self.run(webui, {"source": "mask"}, mask=Image.new("L", self.picture.size), inpaint_full_res=False)
        assert largest_difference(ours.images[0], self.picture.resize((128, 128), Image.LANCZOS)) == 0

    def test_the_border_of_a_pasted_crop_shows_no_seam(self, webui: WebUI):
        ours = self.run(webui, {"source": "mask"}, inpainting_fill=1, denoising_strength=0.9).pixels
        x1, y1, x2, y2 = self.box
        own = [np.abs(np.diff(part, axis=1)).mean() for part in (pixels(self.picture), ours[y1:y2, x1:x2])]
        assert jump(ours[y1:y2], x1) <= 1.5 * max(own), "a model without training makes noise, whose steps are larger"


def test_without_a_mask_the_masked_content_setting_is_not_used(webui: WebUI):
    blurred = PICTURE.filter(ImageFilter.GaussianBlur(2))
    runs = [webui.img2img(blurred, map_of(columns(0, 255)), inpainting_fill=fill) for fill in (0, 1, 2)]
    assert all(largest_difference(run.images[0], runs[0].images[0]) <= 1 for run in runs)
