"""Weakly changed parts keep their texture, wherever the picture lies and however many there are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, base64_of, largest_difference, photograph, pixels

SIDE = 128
SAMPLE = Image.open(Path(__file__).parents[2] / "preview" / "assets" / "sample.png").convert("RGB")
PICTURE = SAMPLE.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
WEAK, STRONG = 10, 255
MAP = np.repeat(np.repeat(np.uint8([[WEAK, STRONG]]), SIDE // 2, axis=1), SIDE, axis=0)
OPTIONS = {"prompt": "autumn", "cfg_scale": 3, "steps": 12, "denoising_strength": 0.75}


def sharpness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.mean(axis=2), axis=1)).mean())


def runs(webui: WebUI, effect: dict, picture: Image.Image = PICTURE, **options):
    """(the result, the raw result) of the same run."""
    webui.needs_checkpoint("demo")
    options = OPTIONS | {"width": SIDE, "height": SIDE, "override_settings": {"sd_model_checkpoint": "demo"}} | options
    return [webui.img2img(picture, effect | {"keep_exact": exact}, **options) for exact in (True, False)]


def check(ours: np.ndarray, raw: np.ndarray, before: np.ndarray, weak=np.s_[8:-8, 8 : SIDE // 2 - 12]) -> None:
    """Sharpness as a share of the input's, where the map asks for 4 %."""
    shares = [sharpness(picture[weak]) / sharpness(before[weak]) for picture in (raw, ours)]
    print("sharpness of the input's: raw {:.2f}, ours {:.2f}".format(*shares))
    assert 0.75 < shares[1] < 1.1 and shares[1] > 1.4 * shares[0]


def test_every_picture_of_a_batch(webui: WebUI):
    ours, raw = runs(webui, {"map": base64_of(MAP)}, batch_size=2, n_iter=2)
    assert len(ours.images) == 4
    for picture, without in zip(map(pixels, ours.images), map(pixels, raw.images)):
        check(picture, without, pixels(PICTURE))
        assert largest_difference(picture[:, SIDE // 2 + 16 :], without[:, SIDE // 2 + 16 :]) <= 1


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_every_resize_mode(webui: WebUI, mode):
    """A tall picture into a square."""
    picture = SAMPLE.resize((SIDE, 2 * SIDE), Image.Resampling.LANCZOS)
    ours, raw = runs(webui, {"map": base64_of(MAP)}, picture, resize_mode=mode)
    given = webui.img2img(picture, {"map": base64_of(np.zeros_like(MAP))}, width=SIDE, height=SIDE, resize_mode=mode)
    left = SIDE // 4 if mode == 2 else 0
    check(ours.pixels, raw.pixels, given.pixels, np.s_[8:-8, left + 8 : SIDE // 2 - 12])


def test_a_crop_at_its_own_scale(webui: WebUI):
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, (16, 16, SIDE - 16, SIDE - 16))
    options = {"mask": mask, "mask_blur": 0, "inpainting_fill": 1, "inpaint_full_res": True}
    ours, raw = runs(webui, {"map": base64_of(np.full_like(MAP, WEAK))}, inpaint_full_res_padding=0, **options)
    check(ours.pixels, raw.pixels, pixels(PICTURE), np.s_[32 : SIDE - 32, 32 : SIDE - 32])


def test_a_refiner_that_takes_over_in_mid_run(webui: WebUI):
    webui.needs_checkpoint("tiny-b")
    options = {"override_settings": {"sd_model_checkpoint": "tiny"}, "refiner_checkpoint": "tiny-b"}
    ours, raw = runs(webui, {"map": base64_of(MAP)}, refiner_switch_at=0.5, batch_size=2, **options)
    for picture, without in zip(map(pixels, ours.images), map(pixels, raw.images), strict=True):
        check(picture, without, pixels(PICTURE))


def test_an_inpainting_checkpoint(webui: WebUI):
    webui.needs_checkpoint("tiny-inpainting")
    ours, raw = runs(webui, {"map": base64_of(MAP)}, override_settings={"sd_model_checkpoint": "tiny-inpainting"})
    check(ours.pixels, raw.pixels, pixels(PICTURE))


def test_a_part_without_a_step_is_kept_like_a_black_one(webui: WebUI):
    """DDIM denoises int(S * steps) - 1 times: at 8 % and 20 steps never."""
    grey = np.where(MAP == WEAK, 20, 255).astype(np.uint8)
    ours = webui.img2img(
        photograph((SIDE, SIDE)), {"map": base64_of(grey)}, sampler_name="DDIM", steps=20, denoising_strength=1.0
    )
    before = pixels(photograph((SIDE, SIDE)))
    assert largest_difference(ours.pixels[:, : SIDE // 2], before[:, : SIDE // 2]) == 0
    assert largest_difference(ours.pixels[:, SIDE // 2 + 8 :], before[:, SIDE // 2 + 8 :]) > 20
