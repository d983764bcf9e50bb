"""Environments: built once, in the cache, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def requirements(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# nothing\n")
    return file


def test_an_environment_is_built_once_and_then_left_alone(tmp_path, requirements, capsys, monkeypatch):
    python = bootstrap.ensure([requirements], folder=tmp_path / "cache")
    told = capsys.readouterr().out
    assert f"about {bootstrap.SIZE}" in told and str(tmp_path / "cache") in told and "ready" in told
    inside = subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True).strip()
    [environment] = (tmp_path / "cache").iterdir()
    assert Path(inside).resolve() == environment.resolve()

    monkeypatch.setattr(bootstrap, "_install", lambda *_: pytest.fail("pip was called again"))
    assert bootstrap.ensure([requirements], folder=tmp_path / "cache") == python
    assert capsys.readouterr().out == ""


def test_what_only_some_need_goes_into_the_same_environment(tmp_path, requirements, monkeypatch):
    installed = []
    monkeypatch.setattr(bootstrap.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "_install", lambda _, files, index: installed.append((*files, index)))
    extra = tmp_path / "extra.txt"
    extra.write_text("# more\n")
    folder = tmp_path / "cache"
    plain = bootstrap.ensure([requirements], folder=folder, torch_index="https://example.org")
    assert bootstrap.ensure([requirements], extras=[extra], folder=folder) == plain
    assert bootstrap.ensure([requirements], extras=[extra], folder=folder) == plain
    assert installed == [(requirements, "https://example.org"), (extra, None)]
    extra.write_text("# still more\n")
    bootstrap.ensure([requirements], extras=[extra], folder=folder)
    assert installed[2:] == [(extra, None)]


def test_progress_says_how_much_is_left(tmp_path, requirements):
    requirements.write_text("# pins\nnumpy==1.0\ntorch==2.0\ncolorama==0.4 ; sys_platform == 'win32'\n")
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    (packages / "pip-24.0.dist-info").mkdir(parents=True)
    progress = bootstrap.PipProgress(tmp_path, [requirements])
    progress.read("Collecting numpy==1.0 (from -r requirements.txt (line 2))\n")
    assert progress.text == "fetching, 1 of 3 packages  numpy==1.0"
    progress.read("  Downloading torch-2.0-cp311-manylinux.whl (190.4 MB)\n")
    assert progress.text.endswith("torch-2.0-cp311-manylinux.whl (190.4 MB)")
    progress.read("Installing collected packages: numpy, sympy, torch\n")
    (packages / "numpy-1.0.dist-info").mkdir()
    assert progress.text == "unpacking, 1 of 3 packages"


def test_other_pins_are_another_environment(requirements):
    before = bootstrap._key([requirements])
    requirements.write_bytes(b"# nothing\r\n")
    assert bootstrap._key([requirements]) == before
    requirements.write_text("torch==0.0\n")
    assert bootstrap._key([requirements]) != before


def test_a_failed_installation_leaves_nothing_but_pips_reason(tmp_path, requirements, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "_python", lambda _: Path(sys.executable))
    requirements.write_text("there-is-no-such-package-7c1e==1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SystemExit, match="start again"):
        bootstrap.ensure([requirements], folder=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert "No matching distribution found for there-is-no-such-package-7c1e" in capsys.readouterr().err


def test_an_interrupted_installation_leaves_nothing(tmp_path, requirements, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "_install", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.ensure([requirements], folder=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_installation_left_is_removed_after_a_day(tmp_path, requirements, monkeypatch):
    old, recent = (tmp_path / f"python3.11-0.unfinished-{name}" for name in ("old", "recent"))
    old.mkdir()
    recent.mkdir()
    os.utime(old, (0, 0))
    monkeypatch.setattr(bootstrap.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap, "_install", lambda *_: None)
    bootstrap.ensure([requirements], folder=tmp_path)
    assert not old.exists() and recent.exists()


@pytest.mark.parametrize(
    ("version", "gradio", "told"),
    [((3, 9), 4, r"3\.10 to 3\.13"), ((3, 14), 4, r"3\.10 to 3\.13"), ((3, 12), 3, r"3\.10 to 3\.11")],
)
def test_a_python_that_will_not_do_is_told_so(requirements, monkeypatch, version, gradio, told):
    monkeypatch.setattr(bootstrap.sys, "version_info", (*version, 1, "final", 0))
    with pytest.raises(SystemExit, match=f"needs Python {told}; this is"):
        bootstrap.ensure([requirements], newest=bootstrap.NEWEST[gradio])


def test_the_cache_is_outside_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bootstrap.cache_folder() == tmp_path / bootstrap.NAME
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert ROOT not in bootstrap.cache_folder().parents


@pytest.mark.parametrize("gradio", [3, 4])
def test_every_requirement_is_pinned(gradio):
    for path in (ROOT / "preview" / f"requirements-gradio{gradio}.txt", ROOT / "tests" / "requirements.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert lines and all("==" in line.partition(";")[0] for line in lines)


def test_both_gradio_versions_stand_on_the_same_numerics():
    """Why tests without gradio in them need not run under both."""
    pins = [(ROOT / "preview" / f"requirements-gradio{gradio}.txt").read_text().splitlines() for gradio in (3, 4)]
    for name in ("diffusers", "numpy", "opencv-python-headless", "pillow", "safetensors", "torch", "transformers"):
        [first], [second, *_] = ([line for line in lines if line.lower().startswith(f"{name}==")] for lines in pins)
        assert second.removesuffix(" ; python_full_version < '3.12'") == first


@pytest.mark.gradio
def test_the_pins_are_installed():
    from importlib.metadata import version

    import gradio
    from packaging.requirements import Requirement

    major = gradio.__version__.split(".")[0]
    lines = (ROOT / "preview" / f"requirements-gradio{major}.txt").read_text().splitlines()
    here = [Requirement(line) for line in lines if line and line[0] != "#"]
    pins = {pin.name: str(pin.specifier)[2:] for pin in here if pin.marker is None or pin.marker.evaluate()}
    for name in ("gradio", "fastapi", "pydantic", "diffusers", "transformers", "numpy"):
        assert version(name) == pins[name]


@pytest.mark.parametrize("arguments", [["--help"], ["edit", "--help"]])
def test_help_needs_no_environment(arguments):
    told = subprocess.run([sys.executable, "-S", str(ROOT / "preview"), *arguments], capture_output=True, text=True)
    assert told.returncode == 0 and "python preview" in told.stdout


EDIT = ["edit", __file__, __file__, "--prompt", ""]


def test_the_help_of_an_edit_fits_a_screen():
    environment = os.environ | {"COLUMNS": "100"}
    told = subprocess.check_output(
        [sys.executable, "-S", str(ROOT / "preview"), "edit", "--help"], text=True, env=environment
    )
    # a terminal on a screen of 1080 lines has 48 to 54
    assert len(told.splitlines()) <= 46 and max(map(len, told.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([*EDIT, "--out", __file__], "the name must end in .png, .jpg"),
        ([*EDIT, "--out", f"{__file__}/x.png"], "x.png cannot be written (Not a directory)"),
        ([*EDIT, "--out", "x.png", "--strength", "nan"], "nan is not in 0..1"),
        ([*EDIT, "--out", "x.png", "--model", "nowhere"], "there is no model at nowhere"),
        (["edit", __file__, "--prompt", "", "--out", "x.png"], "a MAP is missing"),
        (["edit", __file__, __file__, "--source", "auto", "--prompt", "", "--out", "x.png"], "--source auto makes one"),
        (["--model", "nowhere"], "there is no model at nowhere"),
        (["edit", "nowhere.png", "nowhere.png", "--prompt", "", "--out", "x.png"], "there is no file nowhere.png"),
        (["--port", "70000"], "70000 is not in 0..65535"),
        (["--gradio", "5"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_prepared(arguments, told):
    run = subprocess.run([sys.executable, "-S", str(ROOT / "preview"), *arguments], capture_output=True, text=True)
    assert run.returncode == 2 and told in run.stderr
