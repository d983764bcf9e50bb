"""`python preview edit`, as it is run inside its environment."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pointwise import photograph

import edit as edit_command
from arguments import SETTINGS, parse
from differential_diffusion.settings import FIELDS
from modules import shared

ROOT = Path(__file__).resolve().parents[1]


WITHOUT = """
import runpy, sys
sys.modules[{module!r}] = None  # to import it is an error
sys.path.insert(0, {folder!r})
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Edit:
    """The command with PICTURE and MAP in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.result = folder / "out" / "result.png"

    def __call__(
        self, picture: Image.Image, change_map: Image.Image | bytes | None, *options: str, without: str = "gradio"
    ):
        """Runs it to its end, in an environment that lacks a module."""
        with self.started(picture, change_map, *options, without=without) as process:
            stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def started(
        self, picture: Image.Image, change_map: Image.Image | bytes | None, *options: str, without: str = "gradio"
    ):
        picture.save(self._folder / "picture.png")
        if isinstance(change_map, bytes):
            (self._folder / "map.png").write_bytes(change_map)
        elif change_map is not None:
            change_map.save(self._folder / "map.png")
        launch = ROOT / "preview" / "launch.py"
        arguments = [str(launch), "edit", "picture.png", *([] if change_map is None else ["map.png"])]
        arguments += ["--prompt", "a house", "--out", "out/result.png", "--steps", "6", "--seed", "4", *options]
        # what runs in the background ignores Ctrl+C, and so do its children
        heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        code = heeding + WITHOUT.format(module=without, folder=str(launch.parent), arguments=arguments)
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def edit(tmp_path):
    return Edit(tmp_path)


def ramp(width: int, height: int) -> Image.Image:
    """Black in the left third, then rising to white."""
    values = np.clip(np.linspace(-0.5, 1, width), 0, 1)
    return Image.fromarray((values * 255).round().astype(np.uint8)[None].repeat(height, 0))


@pytest.mark.parametrize("size", [(150, 101), (900, 200)], ids=["odd", "beyond the model's own"])
def test_the_change_grows_along_a_ramp_and_nothing_else_changes(edit, size):
    picture = photograph(size)
    done = edit(picture, ramp(*size))
    assert done.returncode == 0, done.stderr
    assert "seed 4" in done.stdout
    result = Image.open(edit.result)
    assert result.size == size
    change = np.abs(np.asarray(result).astype(int) - np.asarray(picture)).mean((0, 2))
    zero = np.asarray(ramp(*size))[0] == 0
    assert (change[zero] == 0).all()
    thirds = [part.mean() for part in np.array_split(change[~zero], 3)]
    assert thirds[0] < thirds[1] < thirds[2]
    assert "Differential Diffusion" in result.info["parameters"]


SIZE = (150, 101)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """The same in this process, which need not load torch for every edit; returns what was said."""
    monkeypatch.chdir(tmp_path)
    before = getattr(shared, "sd_model", None)
    photograph(SIZE).save("picture.png")

    def run(*options: str) -> str:
        edit_command.edit(
            parse(["edit", "picture.png", "--prompt", "a house", "--out", "result.png", "--steps", "6", *options])
        )
        return "".join(capsys.readouterr())

    yield run
    shared.sd_model = before


def changes(file: str) -> np.ndarray:
    return np.abs(np.asarray(Image.open(file)).astype(int) - np.asarray(photograph(SIZE))).max(-1)


def test_an_inpaint_mask_and_what_changed(here):
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 75, 101))
    mask.save("mask.png")
    here("mask.png", "--source", "mask", "--softness", "4", "--softness-side", "inwards", "--show-change")
    change = changes("result.png")
    assert change[:, :60].mean() > 1 and not change[:, 75:].any()
    assert Path("result-change.png").exists()


def test_a_fan_needs_no_map_and_samplers_no_capitals(here):
    here("--source", "fan", "--fan-strengths", "0, 0.9", "--sampler", "ddim")
    change = changes("result.png")
    assert not change[:, :60].any() and change[:, 90:].mean() > 1
    assert Path("result-labelled.png").exists()


def test_an_unknown_sampler_is_told_with_the_known_ones(here):
    ramp(*SIZE).save("map.png")
    with pytest.raises(SystemExit, match=r"error: bad sampler name: Nope; there are DPM\+\+ 2M"):
        here("map.png", "--sampler", "Nope")


@pytest.mark.parametrize(("name", "kind"), [("result.jpg", "JPEG"), ("result.webp", "WEBP")])
def test_the_name_says_the_format_and_the_infotext_is_in_it(here, name, kind):
    ramp(*SIZE).save("map.png")
    here("map.png", "--out", name)
    result = Image.open(name)
    comment = result.getexif().get_ifd(0x8769)[0x9286]
    assert result.format == kind and result.size == SIZE
    assert "Steps: 6" in comment.removeprefix(b"UNICODE\0").decode("utf-16-be")


def test_words_that_the_model_does_not_know_are_pointed_out(here):
    ramp(*SIZE).save("map.png")
    assert "does not know: ballerina. It knows: sunset" in here("map.png", "--prompt", "a ballerina and trees, winter")


@pytest.mark.parametrize(
    ("level", "options"),
    [(0, []), (255, ["--polarity", "white keeps"]), (255, ["--strength", "0"]), (0, ["--source", "mask"])],
)
def test_where_nothing_may_change_the_file_is_the_pictures_own(edit, level, options):
    picture = photograph((640, 427))
    picture.putalpha(77)
    done = edit(picture, Image.new("L", (64, 64), level), *options)
    assert done.returncode == 0, done.stderr
    assert "nothing to change" in done.stdout
    assert edit.result.read_bytes() == (edit.result.parents[1] / "picture.png").read_bytes()


def test_every_setting_of_the_panel_is_an_option():
    assert {*SETTINGS, "enabled", "map"} == {*FIELDS}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--softness", "-3"], "error: softness: -3.0 is not allowed; a number from 0 to 1024 is"),
        (["--source", "maps"], "error: source: 'maps' is not allowed"),
        (["--fan-strengths", "0, 2"], "error: fan_strengths: "),
    ],
)
def test_a_bad_setting_is_refused_in_one_line_before_torch_is_loaded(edit, options, told):
    done = edit(photograph(), ramp(64, 64), *options, without="torch")
    assert done.returncode == 1 and not edit.result.exists()
    [line] = done.stderr.splitlines()
    assert line.startswith(told)


def test_errors_name_the_file_that_they_are_about(edit):
    done = edit(photograph(), b"no picture", without="torch")
    assert done.returncode == 1 and done.stderr.startswith("error: map.png is not a picture that can be read")


def test_the_picture_itself_is_written_over_by_force_only(edit):
    black = Image.new("L", (64, 64))
    done = edit(photograph(), black, "--out", "picture.png")
    assert done.returncode == 2 and "picture.png is the picture itself; --force" in done.stderr
    assert edit(photograph(), black, "--out", "picture.png", "--force").returncode == 0


@pytest.mark.parametrize(
    ("options", "given", "name"),
    [
        (["--show-change"], "result-change.png", "the picture"),
        (["--source", "fan"], "result-labelled.png", "the picture"),
        (["--source", "auto", "--save-map"], "result-map.png", "the picture"),
        (["map.png", "--out", "map.png"], "picture.png", "the map"),
    ],
)
def test_no_further_picture_takes_the_place_of_one_that_was_given(tmp_path, monkeypatch, capsys, options, given, name):
    monkeypatch.chdir(tmp_path)
    for file in (given, "map.png"):
        Image.new("L", (8, 8)).save(file)
    command = ["edit", given, "--prompt", "a house", "--out", "result.png", *options]
    if "--show-change" in options:
        command.append("map.png")
    with pytest.raises(SystemExit):
        parse(command)
    assert f"is {name} itself; --force writes over it" in capsys.readouterr().err
    parse([*command, "--force"])


def test_a_made_map_can_be_kept_and_is_the_one_of_the_run(here):
    wanted = ("--source", "auto", "--auto", "luminance", "--white", "0.7", "--seed", "4")
    here(*wanted, "--save-map", "--out", "kept.jpg")
    assert Image.open("kept-map.png").mode == "L" and Image.open("kept-map.png").size == SIZE
    here(*wanted, "--out", "made.png")
    here("kept-map.png", "--seed", "4", "--out", "again.png")
    made, again = (np.asarray(Image.open(file)).astype(int) for file in ("made.png", "again.png"))
    assert np.abs(made - again).max() <= 1
    assert "--save-map" in _refused("--source", "fan", "--save-map")


def _refused(*options: str) -> str:
    with pytest.raises(SystemExit), redirect_stderr(io.StringIO()) as said:
        parse(["edit", "picture.png", "--prompt", "a house", "--out", "result.png", *options])
    return said.getvalue()


@pytest.mark.parametrize(
    ("doing", "said"), [("Making the change map", "making the change map, call 5 of 24"), (None, "step 5 of 24")]
)
def test_what_goes_on_is_said(capsys, doing, said):
    state = SimpleNamespace(textinfo=doing, sampling_step=4, sampling_steps=24)
    with edit_command._progress("at 64 x 64", state):
        time.sleep(1.2)  # it is said once a second
    assert f"at 64 x 64, {said}" in capsys.readouterr().err


def test_ctrl_c_while_a_compiled_module_is_loaded_is_ctrl_c(here, monkeypatch):
    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr(edit_command, "_read", interrupted)
    ramp(*SIZE).save("map.png")
    with pytest.raises(KeyboardInterrupt):
        here("map.png")


@pytest.mark.skipif(os.name != "posix", reason="no signals to send")
@pytest.mark.parametrize("seconds", [0, 3])
def test_ctrl_c_ends_with_one_line(edit, seconds):
    with edit.started(photograph((256, 256)), ramp(256, 256), "--steps", "1000") as process:
        assert process.stdout.readline() == "Editing picture.png\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().splitlines()[-1] == "Stopped."
        assert process.wait(30) == 1 and not edit.result.exists()
