"""The preview calls scripts as the WebUI does: in its order, with its argument slots, surviving their errors."""

import os
import subprocess
import sys
import textwrap

import pytest
from PIL import Image
from pointwise import PointwiseModel, photograph

from modules import paths, script_callbacks, scripts, shared
from modules.processing import StableDiffusionProcessingImg2Img, StableDiffusionProcessingTxt2Img, process_images

pytestmark = pytest.mark.gradio  # the panel's components are where argument slots come from

RECORDER = """
    from modules import scripts, script_callbacks
    import helper_of_the_recorder

    calls = []

    class Recorder(scripts.Script):
        def title(self):
            return "Recorder"

        def show(self, is_img2img):
            return scripts.AlwaysVisible if is_img2img else False

    def record(name):
        def callback(self, p, *args, **kwargs):
            calls.append((name, args, kwargs))
            if p.extra_generation_params.get("fail in") == name:
                raise RuntimeError("a script's own mistake")
        return callback

    for name in (
        "setup before_process process before_process_batch process_batch process_before_every_sampling on_mask_blend "
        "post_sample postprocess_batch postprocess_batch_list postprocess_image postprocess_maskoverlay "
        "postprocess_image_after_composite postprocess"
    ).split():
        setattr(Recorder, name, record(name))

    basedir = scripts.basedir()
"""

PICTURE = photograph()
PER_IMAGE = ["postprocess_image", "postprocess_maskoverlay", "postprocess_image_after_composite"]
PER_BATCH = [
    "before_process_batch",
    "process_batch",
    "process_before_every_sampling",
    "post_sample",
    "postprocess_batch",
    "postprocess_batch_list",
]


@pytest.fixture
def extension(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "recorder.py").write_text(textwrap.dedent(RECORDER))
    (tmp_path / "helper_of_the_recorder.py").write_text("")
    scripts.load_scripts(tmp_path)
    yield tmp_path
    scripts.scripts_data.clear()
    sys.modules.pop("helper_of_the_recorder", None)


@pytest.fixture
def model():
    before = getattr(shared, "sd_model", None)
    shared.sd_model = PointwiseModel()
    yield shared.sd_model
    shared.sd_model = before


@pytest.fixture
def recorded(extension, model):
    """Runs img2img; returns the recorder's calls."""
    runner = scripts.ScriptRunner()
    runner.initialize_scripts(is_img2img=True)
    [data] = scripts.scripts_data

    def run(arguments=(0, "mine"), fail_in=None, kind=StableDiffusionProcessingImg2Img, **options):
        data.module.calls.clear()
        given = {"init_images": [PICTURE]} if kind is StableDiffusionProcessingImg2Img else {}
        p = kind(sd_model=model, width=64, height=64, steps=4, **given, **options)
        if fail_in:
            p.extra_generation_params["fail in"] = fail_in
        p.scripts = runner
        p.script_args = arguments
        shared.state.begin("test")
        process_images(p)
        shared.state.end()
        return list(data.module.calls)

    return run


def names(calls):
    return [name for name, _, _ in calls]


def test_the_order_is_the_webuis(recorded):
    once = ["setup", "before_process", "process"]
    batch = PER_BATCH + PER_IMAGE * 2
    assert names(recorded(n_iter=2, batch_size=2)) == [*once, *batch, *batch, "postprocess"]


def test_with_a_mask_the_host_blends_at_every_call_and_at_the_end(recorded):
    mask = Image.new("L", (64, 64), 255)
    calls = names(recorded(mask=mask, sampler_name="Euler", denoising_strength=1.0))
    start, end = calls.index("process_before_every_sampling"), calls.index("post_sample")
    assert calls[start + 1 : end] == ["on_mask_blend"] * (4 + 1)


def test_a_script_gets_its_own_slot_and_the_callbacks_arguments(recorded):
    calls = {name: (args, kwargs) for name, args, kwargs in recorded((0, "mine", "another's"), seed=5)}
    for name in ("setup", "before_process", "process"):
        assert calls[name] == (("mine",), {})
    _, batch = calls["process_batch"]
    assert batch == {"batch_number": 0, "prompts": [""], "seeds": [5], "subseeds": batch["subseeds"]}
    args, sampling = calls["process_before_every_sampling"]
    assert args == ("mine",) and set(sampling) == {"x", "noise", "c", "uc"}
    assert sampling["x"].shape == sampling["noise"].shape == (1, 4, 8, 8)
    assert calls["postprocess_batch"][1]["images"].shape == (1, 3, 64, 64)
    assert isinstance(calls["postprocess_maskoverlay"][0][0], scripts.PostProcessMaskOverlayArgs)


@pytest.mark.parametrize("callback", ["setup", *PER_BATCH, *PER_IMAGE, "postprocess"])
def test_what_a_callback_raises_is_printed_and_the_run_goes_on(recorded, capsys, callback):
    undisturbed = names(recorded())
    assert names(recorded(fail_in=callback)) == undisturbed
    assert "a script's own mistake" in capsys.readouterr().err


def test_txt2img_runs_no_script_that_hides_from_it(extension, model):
    runner = scripts.ScriptRunner()
    runner.initialize_scripts(is_img2img=False)
    assert runner.scripts == []
    p = StableDiffusionProcessingTxt2Img(sd_model=model, width=64, height=64, steps=3)
    p.scripts, p.script_args = runner, [0]
    assert process_images(p).images[0].size == (64, 64)


def test_the_extensions_root_is_importable_only_while_its_scripts_load(extension):
    [data] = scripts.scripts_data
    assert data.module.basedir == str(extension)
    assert str(extension) not in sys.path


def test_a_script_that_does_not_load_does_not_keep_others_from_it(extension, capsys):
    (extension / "scripts" / "a_broken_one.py").write_text("1 / 0")
    scripts.load_scripts(extension)
    assert [data.script_class.__name__ for data in scripts.scripts_data] == ["Recorder"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_infotext_callbacks_may_edit_what_is_pasted():
    def rename(infotext, fields):
        fields["Steps"] = infotext

    script_callbacks.on_infotext_pasted(rename)
    try:
        fields = {"Steps": "20"}
        script_callbacks.infotext_pasted_callback("text", fields)
        assert fields == {"Steps": "text"}
    finally:
        script_callbacks._callbacks["infotext_pasted"].remove(rename)


@pytest.mark.parametrize("name", ["sd_lora", "img2img_color_correction"])
def test_an_option_that_the_preview_lacks_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=name):
        getattr(shared.opts, name)
    with pytest.raises(AttributeError, match=name):
        setattr(shared.opts, name, 1)


def test_options_keep_their_type():
    with pytest.raises(TypeError, match="img2img_fix_steps"):
        shared.opts.img2img_fix_steps = "yes"


NAMESAKE = """
from differential_diffusion.theirs import ANSWER
from modules import scripts

class Namesake(scripts.Script):
    answer = ANSWER

    def title(self):
        return "namesake"
"""
LOAD_BOTH = """
import sys
from pathlib import Path
from modules import paths, scripts

loaded = []
for folder in sys.argv[1:]:
    scripts.load_scripts(Path(folder))
    loaded += [data.script_class for data in scripts.scripts_data]
print([script().title() for script in loaded])
"""


@pytest.mark.parametrize("is_first", [True, False])
def test_another_extension_may_have_a_package_of_the_same_name(tmp_path, is_first):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "namesake.py").write_text(NAMESAKE)
    (tmp_path / "differential_diffusion").mkdir()
    (tmp_path / "differential_diffusion" / "__init__.py").write_text("")
    (tmp_path / "differential_diffusion" / "theirs.py").write_text("ANSWER = 42")
    folders = [str(paths.EXTENSION), str(tmp_path)][:: 1 if is_first else -1]
    command = [sys.executable, "-c", LOAD_BOTH, *folders]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(paths.PREVIEW)}, capture_output=True, text=True)
    assert done.stdout.strip() == str(["Differential Diffusion", "namesake"][:: 1 if is_first else -1]), done.stderr
