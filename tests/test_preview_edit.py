"""`python preview edit`, as it is run inside its environment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pointwise import photograph

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def edit(tmp_path):
    def run(picture: Image.Image, change_map: Image.Image, *options: str):
        picture.save(tmp_path / "picture.png")
        change_map.save(tmp_path / "map.png")
        command = [sys.executable, ROOT / "preview" / "launch.py", "edit", "picture.png", "map.png"]
        command += ["--prompt", "a house", "--out", "out/result.png", "--steps", "6", "--seed", "4", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    run.result = tmp_path / "out" / "result.png"
    return run


def ramp(width: int, height: int) -> Image.Image:
    """Black in the left third, then rising to white."""
    values = np.clip(np.linspace(-0.5, 1, width), 0, 1)
    return Image.fromarray((values * 255).round().astype(np.uint8)[None].repeat(height, 0))


@pytest.mark.parametrize("size", [(128, 96), (150, 101), (900, 200)], ids=["cells", "odd", "beyond the working size"])
def test_the_change_grows_along_a_ramp_and_nothing_else_changes(edit, size):
    picture = photograph(size)
    done = edit(picture, ramp(*size), "--gradio", "3")
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


def test_what_cannot_be_done_is_said_in_one_line(edit):
    done = edit(photograph(), ramp(64, 64), "--sampler", "Nope")
    assert done.returncode == 1 and not edit.result.exists()
    assert done.stderr.splitlines()[-1].startswith("error: bad sampler name: Nope")
    done = edit(photograph(), ramp(64, 64), "--model", "nowhere")
    assert done.returncode == 1 and "error: no model at" in done.stderr


WITHOUT_GRADIO = """
import runpy, sys
sys.path.insert(0, {folder!r})
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
assert "gradio" not in sys.modules
"""


def test_an_edit_does_not_load_gradio(tmp_path):
    photograph().save(tmp_path / "picture.png")
    ramp(64, 64).save(tmp_path / "map.png")
    launch = ROOT / "preview" / "launch.py"
    arguments = [str(launch), "edit", "picture.png", "map.png", "--prompt", "", "--out", "result.png", "--steps", "1"]
    code = WITHOUT_GRADIO.format(folder=str(launch.parent), arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
