"""Together with what else the WebUI and its other extensions do to a run."""

import threading

import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, base64_of, columns, largest_difference, map_of, photograph, pixels

PICTURE = photograph()
HALF = map_of(columns(0, 255))
STRENGTH = 0.8
NOISE = 1
"""1/255, from the autoencoder's own draws."""
POINTWISE = {"encoder_seed": 0, "denoiser": "pointwise"}
"""For the test extension: the same latent in every run, and a denoiser without spatial coupling."""
LONG = ", ".join(f"ugly detail number {n}" for n in range(30))
"""More than 75 tokens."""

OPTIONS = {
    "extra noise": {"override_settings": {"img2img_extra_noise": 0.1}},
    "noise multiplier": {"initial_noise_multiplier": 0.9},
    "CFG 1": {"cfg_scale": 1.0},
    "AND": {"prompt": "a house AND a tree :0.5 AND a lake :0.3"},
    "long negative prompt": {"negative_prompt": LONG},
    "prompt editing": {"prompt": "a [house:tree:0.5]"},
    "no negative guidance minimum sigma": {"override_settings": {"s_min_uncond": 2.0}},
    "skip early CFG": {"override_settings": {"skip_early_cond": 0.4}},
    "token merging": {"override_settings": {"token_merging_ratio": 0.5}},
    "variation seed": {"subseed": 9, "subseed_strength": 0.3},
    "one level less": {"override_settings": {"always_discard_next_to_last_sigma": True}},
    "tiling": {"tiling": True},
}


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_white_map_is_plain_and_black_is_kept(webui: WebUI, name, sampler):
    options = {"sampler_name": sampler, **OPTIONS[name]}
    settings = options.pop("override_settings", {})
    for option in settings:
        webui.needs_option(option)
    if name in ("variation seed", "tiling", "AND", "prompt editing"):
        webui.needs_option("token_merging_ratio")  # the preview has none of these
    with webui.options_set(**settings):  # Forge Classic reads some before it looks at the request's own
        plain = webui.img2img(PICTURE, **options)
        white = webui.img2img(PICTURE, map_of(255), **options)
        half = webui.img2img(PICTURE, HALF, **options)
    assert largest_difference(plain.images[0], white.images[0]) <= NOISE
    assert np.array_equal(half.pixels[:, :64], pixels(PICTURE)[:, :64])
    assert largest_difference(half.pixels[:, 64:], pixels(PICTURE)[:, 64:]) > 20
    default = webui.img2img(PICTURE, sampler_name=sampler)
    if largest_difference(plain.images[0], default.images[0]) == 0:
        pytest.skip(f"{name} does nothing on {webui.url} with the checkpoint that is loaded")


@pytest.mark.parametrize("name", ["noise multiplier", "CFG 1", "AND", "long negative prompt"])
def test_a_grey_map_is_plain_at_its_share(webui: WebUI, name):
    if name == "AND":
        webui.needs_option("token_merging_ratio")
    plain = webui.img2img(PICTURE, denoising_strength=STRENGTH * 128 / 255, **OPTIONS[name])
    grey = webui.img2img(PICTURE, map_of(128), denoising_strength=STRENGTH, **OPTIONS[name])
    assert largest_difference(plain.images[0], grey.images[0]) <= NOISE


def test_colour_correction_keeps_black_to_the_bit(webui: WebUI):
    webui.needs_option("img2img_color_correction")
    options = {"override_settings": {"img2img_color_correction": True}}
    ours, without = webui.img2img(PICTURE, HALF, **options), webui.img2img(PICTURE, HALF)
    assert np.array_equal(ours.pixels[:, :64], pixels(PICTURE)[:, :64])
    assert largest_difference(ours.images[0], without.images[0]) > 2


@pytest.fixture
def tiny(webui: WebUI):
    """A base whose text encoder is the refiner's too: Forge Neo has the prompt read by the base's alone."""
    webui.needs_checkpoint("tiny")
    with webui.checkpoint("tiny"):
        yield


@pytest.mark.usefixtures("tiny")
def test_a_refiner_that_takes_over_in_mid_run(webui: WebUI):
    webui.needs_checkpoint("tiny-b")
    options = {"refiner_checkpoint": "tiny-b", "refiner_switch_at": 0.5, "steps": 12}
    plain, white = webui.img2img(PICTURE, **options), webui.img2img(PICTURE, map_of(255), **options)
    half = webui.img2img(PICTURE, HALF, **options)
    assert largest_difference(plain.images[0], white.images[0]) <= NOISE
    assert largest_difference(plain.images[0], webui.img2img(PICTURE, steps=12).images[0]) > 2
    assert np.array_equal(half.pixels[:, :64], pixels(PICTURE)[:, :64])
    if webui.has_test_extension:
        assert half.run["hooks"] == 0 and half.run["left"] == []


class TestOtherExtensions:
    def test_a_package_of_the_same_name(self, webui: WebUI):
        """Both are loaded in one process, and each has its own."""
        webui.needs_test_extension()
        ours = webui.img2img(PICTURE, HALF)
        assert ours.run["owner_of_our_packages_name"] == "the test extension"
        assert np.array_equal(ours.pixels[:, :64], pixels(PICTURE)[:, :64])

    def test_soft_inpainting_gives_way(self, webui: WebUI):
        webui.needs_script("soft inpainting")
        mask = Image.fromarray(columns(0, 255))
        both = {"mask": mask, "inpaint_full_res": False, "inpainting_fill": 1}
        soft = {"soft inpainting": {"args": [True, 1, 0.5, 4, 0, 0.5, 2]}}
        effect = {"source": "mask", "softness": 6}
        ours = webui.img2img(PICTURE, effect, **both)
        with_soft = webui.img2img(PICTURE, effect, alwayson_scripts=soft, **both)
        assert largest_difference(ours.images[0], with_soft.images[0]) <= NOISE
        without_mask = webui.img2img(PICTURE, HALF, alwayson_scripts=soft)
        assert largest_difference(without_mask.images[0], webui.img2img(PICTURE, HALF).images[0]) <= NOISE

    def test_soft_inpainting_keeps_an_uploaded_mask_grey(self, webui: WebUI):
        """It switches the WebUI's rounding of masks off, on the page and in the Batch tab as well: with source "mask"
        a grey mask then is a change map."""
        webui.needs_script("soft inpainting")
        grey = Image.fromarray(columns(0, 90, 170, 255))
        soft = {"soft inpainting": {"args": [True, 1, 0.5, 4, 0, 0.5, 2]}}
        options = {"mask": grey, "inpaint_full_res": False, "inpainting_fill": 1, "alwayson_scripts": soft}
        ours = webui.img2img(PICTURE, {"source": "mask"}, **options)
        as_map = webui.img2img(PICTURE, map_of(columns(0, 90, 170, 255)))
        assert largest_difference(ours.images[0], as_map.images[0]) <= NOISE

    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
    def test_another_hook_on_the_denoiser(self, webui: WebUI, sampler):
        """The other extension hands a changed copy of the state to the model. The pin still reaches the sampler's own
        state, and the other's change is in force as in a plain run."""
        webui.needs_test_extension()
        options = {"sampler_name": sampler, "test": POINTWISE | {"hook": "copy"}}
        ours = webui.img2img(PICTURE, map_of(columns(128, 255)), **options).latents
        for strength, region in ((128 / 255, np.s_[..., :8]), (1, np.s_[..., 8:])):
            plain = webui.img2img(PICTURE, denoising_strength=STRENGTH * strength, **options).latents
            assert np.abs(ours - plain)[region].max() <= 1e-5
        default = webui.img2img(
            PICTURE, sampler_name=sampler, test={"encoder_seed": 0, "denoiser": "pointwise"}
        ).latents
        assert np.abs(ours - default).max() > 1e-2, "the other hook must do something"

    def test_controlnet(self, webui: WebUI):
        """Its reference unit needs no model, and hooks the attention of every call."""
        webui.needs_script("controlnet")
        unit = {"enabled": True, "module": "reference_only", "model": "None", "image": base64_of(photograph(seed=8))}
        on = {"alwayson_scripts": {"controlnet": {"args": [unit]}}}
        plain, white = webui.img2img(PICTURE, **on), webui.img2img(PICTURE, map_of(255), **on)
        half = webui.img2img(PICTURE, HALF, **on)
        assert "ControlNet 0" in plain.infotext
        assert largest_difference(plain.images[0], white.images[0]) <= NOISE
        assert np.array_equal(half.pixels[:, :64], pixels(PICTURE)[:, :64])

    @pytest.mark.parametrize("softness", [0, 7])
    @pytest.mark.parametrize(("blur", "padding"), [(4, 0), (0, 8), (12, 32)])
    def test_controlnet_crops_to_what_the_run_crops_to(self, webui: WebUI, softness, blur, padding):
        """ControlNet's own code, asked where it looks: in `process`, and with a refiner in `before_process_batch`."""
        webui.needs_script("controlnet")
        webui.needs_test_extension()
        mask = Image.new("L", PICTURE.size)
        mask.paste(255, (48, 40, 80, 88))
        options = {"mask": mask, "mask_blur": blur, "inpaint_full_res": True, "inpaint_full_res_padding": padding}
        ours = webui.img2img(PICTURE, {"source": "mask", "softness": softness}, **options)
        assert ours.run["controls_agree"] == {"process": True, "before_process_batch": True}

    @pytest.mark.parametrize(
        ("script", "arguments"),
        [
            ("freeu integrated (sd 1.x, sd 2.x, sdxl)", [True, 1.1, 1.2, 0.9, 0.2, 0, 1]),
            ("selfattentionguidance integrated (sd 1.x, sd 2.x, sdxl)", [True, 0.8, 2.0, 1.0]),
            ("perturbedattentionguidance integrated", [True, 3.0, 0.0]),
            ("dynamicthresholding (cfg-fix) integrated", [True, 7, 0.9, "Constant", 0, "Constant", 0, 4.0]),
            ("kohya hrfix integrated", [True, 3, 2.0, 0, 0.35, True, "bicubic", "bicubic"]),
            ("latentmodifier integrated", [True, 3.0]),
            ("multidiffusion integrated", [True, "MultiDiffusion", 64, 64, 16, 4]),
            ("never oom integrated", [False, True]),
            ("stylealign integrated", [True]),
        ],
    )
    def test_forges_own_hooks(self, webui: WebUI, script, arguments):
        webui.needs_script(script)
        on = {"alwayson_scripts": {script: {"args": arguments}}}
        try:
            plain = webui.img2img(PICTURE, **on)
        except RuntimeError as error:  # reForge's dynamic thresholding takes other arguments
            pytest.skip(f"{webui.url} fails without a map as well: {error}")
        white, half = webui.img2img(PICTURE, map_of(255), **on), webui.img2img(PICTURE, HALF, **on)
        assert largest_difference(plain.images[0], white.images[0]) <= NOISE
        assert np.array_equal(half.pixels[:, :64], pixels(PICTURE)[:, :64])
        assert largest_difference(half.pixels[:, 64:], pixels(PICTURE)[:, 64:]) > 20


class TestStopping:
    GREYS = (0, 64, 128, 255)

    @pytest.mark.parametrize("how", ["interrupt_at", "skip_at"])
    @pytest.mark.parametrize("call", [1, 5, 9, 13])
    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M"])
    def test_cells_not_yet_released_are_the_original(self, webui: WebUI, how, call, sampler):
        """A cell of strength S is released with its last int(S * 20) + 1 calls; when the run stops within `call`,
        only the calls before it and that one have been made."""
        webui.needs_test_extension()
        options = {"steps": 20, "sampler_name": sampler}
        original = webui.img2img(PICTURE, map_of(0), test=POINTWISE, **options).latents
        ours = webui.img2img(PICTURE, map_of(columns(*self.GREYS)), test=POINTWISE | {how: call}, **options)
        total = int(STRENGTH * 20) + 1
        for column, grey in enumerate(self.GREYS):
            begins = total - (int(STRENGTH * grey / 255 * 20) + 1 if grey else 0)
            region = np.s_[..., 4 * column : 4 * column + 4]
            # the hook of the test stops the run before the call with that number
            assert np.array_equal(ours.latents[region], original[region]) == (begins >= call - 1), grey
        assert np.array_equal(ours.pixels[:, :32], pixels(PICTURE)[:, :32])
        assert ours.run["hooks"] == 0 and ours.run["left"] == []

    def test_interrupting_over_http(self, webui: WebUI):
        """However early or late it comes: the black part is the input, and the next run is whole."""
        before = webui.img2img(PICTURE, HALF, steps=12)
        timer = threading.Timer(1.0, lambda: webui.http.post("/sdapi/v1/interrupt"))
        timer.start()
        stopped = webui.img2img(PICTURE, HALF, steps=150)
        timer.join()
        assert np.array_equal(stopped.pixels[:, :64], pixels(PICTURE)[:, :64])
        assert largest_difference(webui.img2img(PICTURE, HALF, steps=12).images[0], before.images[0]) <= NOISE


def test_live_previews_do_not_change_the_result(webui: WebUI):
    webui.needs_option("show_progress_every_n_steps")
    quiet = webui.img2img(PICTURE, HALF, steps=20)
    options = {"live_previews_enable": True, "show_progress_every_n_steps": 1, "show_progress_type": "Approx cheap"}
    seen, done = [], threading.Event()

    def watch():
        while not done.wait(0.05):
            seen.append(webui.get("/sdapi/v1/progress")["current_image"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    shown = webui.img2img(PICTURE, HALF, steps=20, override_settings=options)
    done.set()
    watcher.join()
    assert largest_difference(quiet.images[0], shown.images[0]) <= NOISE
    assert any(seen), "no preview was made"


def test_hires_fix_is_not_touched(webui: WebUI):
    webui.needs_script("x/y/z plot")  # the preview has no hires fix
    body = {"prompt": "a house", "seed": 3, "steps": 4, "width": 64, "height": 64, "enable_hr": True, "hr_scale": 2}
    upscalers = webui.get("/sdapi/v1/latent-upscale-modes") or webui.get("/sdapi/v1/upscalers")[:1]
    body |= {"hr_upscaler": upscalers[0]["name"], "denoising_strength": 0.6, "sampler_name": "Euler"}
    body |= {"hr_additional_modules": ["Use same choices"]}  # Forge fails without
    before = webui.post("/sdapi/v1/txt2img", body)
    webui.img2img(PICTURE, HALF)
    after = webui.post("/sdapi/v1/txt2img", body)
    assert before["images"] == after["images"] and "Differential Diffusion" not in after["info"]
