"""What runs img2img more than once, or for more than one picture, equals separate runs."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from webui.client import WebUI, columns, largest_difference, map_of, parameters, photograph

PICTURE = photograph()
EFFECT = map_of(columns(0, 100, 255), softness=2)
NOISE = 2
"""1/255 from the autoencoder's own draws, and 1/255 because matrix products of other batch sizes round differently."""


def plot(webui: WebUI, label: str, values: str, effect=EFFECT, **options) -> list:
    """The separate pictures of an X/Y/Z plot with one axis, left to right."""
    webui.needs_script("x/y/z plot")
    scripts = webui.get("/sdapi/v1/script-info")
    fields = next(script["args"] for script in scripts if script["name"] == "x/y/z plot" and script["is_img2img"])
    axes = [name if isinstance(name, str) else name[0] for name in fields[0]["choices"]]
    chosen = {
        "X type": axes.index(label),  # which is how the HTTP interface names it
        "X values": values,
        "Draw legend": False,
        "Include Sub Images": True,
        "Use text inputs instead of dropdowns": True,
    }
    assert chosen.keys() <= {field["label"] for field in fields}
    unused = dict.fromkeys(["Y type", "Z type"], 0) | dict.fromkeys(["Y values", "Z values"], "")
    arguments = [(unused | chosen).get(field["label"], field["value"]) for field in fields]
    result = webui.img2img(PICTURE, effect, script_name="X/Y/Z plot", script_args=arguments, **options)
    return result.images[-len(values.split(",")) :]


class TestBatches:
    @pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DDIM"])
    def test_a_batch_is_its_single_runs(self, webui: WebUI, sampler):
        webui.needs_sampler(sampler)
        size = 1 if webui.is_for_video else 2
        batch = webui.img2img(PICTURE, EFFECT, seed=5, batch_size=size, n_iter=4 // size, sampler_name=sampler).images
        assert len(batch) == 4
        for seed, together in zip((5, 6, 7, 8), batch):
            alone = webui.img2img(PICTURE, EFFECT, seed=seed, sampler_name=sampler).images[0]
            assert largest_difference(alone, together) <= NOISE
        assert largest_difference(batch[0], batch[2]) > 5, "the seeds must differ to say anything"

    def test_several_pictures_are_one_batch(self, webui: WebUI):
        webui.needs_batches()
        other = photograph(seed=9)
        both = webui.img2img([PICTURE, other], EFFECT, batch_size=2).images
        assert largest_difference(both[0], webui.img2img(PICTURE, EFFECT).images[0]) <= NOISE
        assert largest_difference(both[1], webui.img2img(other, EFFECT, seed=2).images[0]) <= NOISE

    def test_runs_in_a_row_do_not_feel_each_other(self, webui: WebUI):
        first = webui.img2img(PICTURE, EFFECT).images[0]
        webui.img2img(photograph((64, 96)), map_of(90), sampler_name="DDIM")
        assert largest_difference(first, webui.img2img(PICTURE, EFFECT).images[0]) <= 1


class TestScriptsThatRunImg2Img:
    def test_loopback(self, webui: WebUI):
        webui.needs_script("loopback")
        options = {"script_name": "Loopback", "script_args": [2, 0.5, "Linear", "None"]}
        looped = webui.img2img(PICTURE, EFFECT, seed=5, **options).images[-2:]
        first = webui.img2img(PICTURE, EFFECT, seed=5).images[0]
        second = webui.img2img(first.convert("RGB"), EFFECT, seed=6, denoising_strength=0.5).images[0]
        assert largest_difference(looped[0], first) <= 1
        assert largest_difference(looped[1], second) <= NOISE

    def test_plot_of_the_webuis_own_axis(self, webui: WebUI):
        plotted = plot(webui, "Denoising", "0.4, 0.8")
        for strength, picture in zip((0.4, 0.8), plotted):
            alone = webui.img2img(PICTURE, EFFECT, denoising_strength=strength).images[0]
            assert largest_difference(picture, alone) <= 1

    @pytest.mark.parametrize(
        ("axis", "values", "effects"),
        [
            ("Softness", "0, 12", [EFFECT | {"softness": 0.0}, EFFECT | {"softness": 12.0}]),
            ("Gamma", "0.5, 3", [EFFECT | {"gamma": 0.5}, EFFECT | {"gamma": 3.0}]),
            ("Source", "map, fan", [EFFECT, EFFECT | {"source": "fan"}]),
            (
                "Auto",
                "luminance, detail",
                [EFFECT | {"source": "auto", "auto": way} for way in ("luminance", "detail")],
            ),
            (
                "Fan range",
                "0.1-0.5, 0.3-0.9",
                [EFFECT | {"source": "fan", "fan_from": low, "fan_to": high} for low, high in ((0.1, 0.5), (0.3, 0.9))],
            ),
        ],
    )
    def test_plot_of_our_axes(self, webui: WebUI, axis, values, effects):
        plotted = plot(webui, f"[Differential Diffusion] {axis}", values)
        alone = [webui.img2img(PICTURE, effect).images[0] for effect in effects]
        for picture, expected in zip(plotted, alone):
            assert largest_difference(picture, expected) <= 1
        assert largest_difference(alone[0], alone[1]) > 5, "the values must differ to say anything"

    def test_prompts_from_file(self, webui: WebUI):
        webui.needs_script("prompts from file or textbox")
        lines = ["a tree", '--prompt "a lake" --steps 6']
        options = {
            "script_name": "Prompts from file or textbox",
            "script_args": [False, False, "start", "\n".join(lines)],
        }
        tree, lake = webui.img2img(PICTURE, EFFECT, prompt="", seed=5, **options).images[-2:]
        alone = webui.img2img(PICTURE, EFFECT, prompt="a lake", seed=5, steps=6).images[0]
        assert largest_difference(lake, alone) <= 1
        assert largest_difference(tree, webui.img2img(PICTURE, EFFECT, prompt="a tree", seed=5).images[0]) <= 1


class TestNothingStays:
    """Through the test extension: what other scripts see, and what is left on the run afterwards."""

    @pytest.mark.parametrize("masked", [False, True])
    def test_others_see_the_users_values(self, webui: WebUI, masked):
        """ControlNet, for one, takes an image_mask for an inpaint mask, and looks at it before the run begins."""
        webui.needs_test_extension()
        mask = Image.fromarray(columns(0, 255)) if masked else None
        options = {"mask": mask, "mask_blur": 3, "inpaint_full_res": False, "n_iter": 2}
        plain = webui.img2img(PICTURE, **options)
        ours = webui.img2img(PICTURE, EFFECT, **options)
        assert ours.run["seen"] == plain.run["seen"]

    @pytest.mark.parametrize("inverted", [0, 1])
    @pytest.mark.parametrize(("softness", "blur", "padding"), [(0, 4, 0), (0, 0, 16), (6, 4, 4), (6, 0, 32)])
    def test_everyone_sees_the_crop_of_only_masked(self, webui: WebUI, softness, blur, padding, inverted):
        """Before the run as in it. It is the WebUI's own, as softness reaches beyond that only in one case here."""
        webui.needs_test_extension()
        mask = Image.new("L", PICTURE.size)
        mask.paste(255, (48, 40, 80, 88))
        options = {"mask": ImageOps.invert(mask) if inverted else mask, "inpainting_mask_invert": inverted}
        options |= {"inpaint_full_res": True, "inpaint_full_res_padding": padding, "mask_blur": blur}
        plain = webui.img2img(PICTURE, **options).run
        ours = webui.img2img(PICTURE, {"source": "mask", "softness": softness}, n_iter=2, **options)
        for where in ("process", "before_process_batch", "post_sample"):
            assert ours.run["crops"][where] == ours.run["paste_to"], where
        assert ours.run["users_crop"] == plain["users_crop"], "and afterwards the user's"
        assert (ours.run["paste_to"] == plain["paste_to"]) == (softness == 0 or padding == 32)
        said = parameters(ours.infotext)
        assert said["Masked area padding"] == str(padding) and said.get("Mask blur", "0") == str(blur)

    @pytest.mark.parametrize("sampler", ["Euler", "DPM++ 3M SDE", "DDIM", "UniPC"])
    def test_nothing_is_left_on_the_run(self, webui: WebUI, sampler):
        webui.needs_test_extension()
        webui.needs_sampler(sampler)
        ours = webui.img2img(PICTURE, EFFECT, n_iter=2, sampler_name=sampler)
        assert ours.run["hooks"] == 0 and ours.run["left"] == []

    def test_json_info_has_only_settings_of_ours(self, webui: WebUI):
        plain, ours = webui.img2img(PICTURE), webui.img2img(PICTURE, EFFECT)
        added = set(ours.info["extra_generation_params"]) - set(plain.info["extra_generation_params"])
        assert added and all(name.startswith("Differential Diffusion") for name in added)
        unlike = {key for key in plain.info if plain.info[key] != ours.info[key]}
        # the preview has no subseed to be given, and draws one
        assert unlike <= {"extra_generation_params", "infotexts", "job_timestamp", "subseed", "all_subseeds"}


def test_levels_are_pinned_once_per_batch(webui: WebUI):
    """Every iteration of one run makes the calls of a single run."""
    webui.needs_test_extension()
    one, three = webui.img2img(PICTURE, EFFECT), webui.img2img(PICTURE, EFFECT, n_iter=3)
    assert np.allclose(three.run["levels"], one.run["levels"] * 3)
