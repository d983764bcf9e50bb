"""Files of an edit: whole, or what was there before."""

import os
import stat
from pathlib import Path

import pytest

from arguments import parse
from writing import obstacle, write

resource = pytest.importorskip("resource", reason="no limits to set")


def listed(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def full():
    """Files end after 100 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_what_was_there_and_names_the_file(tmp_path, full):
    file = tmp_path / "picture.png"
    file.write_bytes(b"before")
    with pytest.raises(OSError, match=r"picture.png could not be written \(.+\); what was there is left"):
        write(file, bytes(1000))
    assert file.read_bytes() == b"before" and listed(tmp_path) == ["picture.png"]


def test_a_link_stays_one_and_its_file_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "folder" / "made" / "picture.png")
    for data in (b"first", b"second"):
        write(tmp_path / "link.png", data)
        assert (tmp_path / "link.png").is_symlink()
        assert (tmp_path / "folder" / "made" / "picture.png").read_bytes() == data
    assert listed(tmp_path / "folder" / "made") == ["picture.png"]


def test_a_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "usual").touch()
    write(tmp_path / "picture.png", b"")
    assert (tmp_path / "picture.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("name", ["picture.png", "missing/folder/picture.png", "there.png", "link.png"])
def test_where_a_file_can_be_written_nothing_is_in_the_way_and_nothing_is_left(tmp_path, name):
    (tmp_path / "there.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "elsewhere" / "picture.png")
    before = listed(tmp_path)
    assert obstacle(tmp_path / name) == "" and listed(tmp_path) == before
    write(tmp_path / name, b"")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("loop.png", "leads to no file"),
        ("device.png", "is there and cannot be written over"),
        ("folder", "is a folder; name a file in it"),
        ("there.png/picture.png", "Not a directory"),
        ("process.png", "nothing can be written in /proc"),
        (f"{'x' * 300}.png", "name too long"),
        (f"missing/{'x' * 300}.png", "name too long"),
    ],
)
def test_what_is_in_the_way_is_told(tmp_path, name, told):
    (tmp_path / "there.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "device.png").symlink_to("/dev/full")
    (tmp_path / "process.png").symlink_to("/proc/missing.png")
    assert told in obstacle(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="may write everywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "nothing can be written in" in obstacle(tmp_path / "picture.png")


@pytest.mark.parametrize("option", ["PICTURE", "MAP", "--model", "--refiner", "--out"])
def test_a_name_that_is_too_long_is_refused_in_one_line(tmp_path, capsys, option):
    there = tmp_path / "there.png"
    there.touch()
    given = {"PICTURE": there, "MAP": there, "--model": there, "--refiner": there, "--out": tmp_path / "out.png"}
    given[option] = tmp_path / ("x" * 300 + ".png")
    options = [part for name, value in given.items() if name.startswith("--") for part in (name, str(value))]
    with pytest.raises(SystemExit):
        parse(["edit", str(given["PICTURE"]), str(given["MAP"]), "--prompt", "", *options])
    assert "name too long" in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_is_no_picture(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse(["edit", str(tmp_path), "--prompt", "", "--source", "fan", "--out", "x.png"])
    assert f"{tmp_path} is a folder; name a file in it" in capsys.readouterr().err


def test_a_pipe_is_no_picture(tmp_path, capsys):
    """To read it would be to wait for whoever writes into it."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(SystemExit):
        parse(["edit", str(tmp_path / "pipe.png"), "--prompt", "", "--source", "fan", "--out", "x.png"])
    assert "pipe.png is a pipe or a device, not a file" in capsys.readouterr().err


def test_every_file_of_a_run_is_looked_at(tmp_path, capsys):
    (tmp_path / "picture.png").touch()
    (tmp_path / "out-change.png").symlink_to("out-change.png")
    picture = str(tmp_path / "picture.png")
    with pytest.raises(SystemExit):
        parse(["edit", picture, picture, "--prompt", "", "--show-change", "--out", str(tmp_path / "out.png")])
    assert "out-change.png is a link that leads to no file" in capsys.readouterr().err
