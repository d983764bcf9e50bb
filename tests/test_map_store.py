"""Maps on disk: what comes back, what goes first, and what never becomes a path."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bootstrap import cache_folder
from differential_diffusion import change_map
from differential_diffusion.map_store import MapStore
from modules import paths


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 30), dtype=np.uint8)


def found(store: MapStore, *seeds: int) -> list[bool]:
    return [store.find(change_map.digest(noise(seed))) is not None for seed in seeds]


def test_a_map_comes_back_byte_for_byte(tmp_path):
    store = MapStore(tmp_path / "made" / "when needed")
    store.keep(noise(1))
    kept = store.find(change_map.digest(noise(1)))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(kept))), noise(1))
    assert change_map.digest(change_map.read(kept)) == change_map.digest(noise(1))
    assert found(store, 2) == [False]
    assert [file.suffix for file in (tmp_path / "made" / "when needed").iterdir()] == [".png"], "nothing unfinished"


def test_tests_keep_nothing_among_the_users_maps():
    """Neither in this process nor in the previews that it starts."""
    code = "from modules import paths; print(paths.data_path)"
    environment = os.environ | {"PYTHONPATH": paths.script_path}
    started = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip()
    assert started == paths.data_path
    assert not Path(paths.data_path).is_relative_to(cache_folder())


def age(folder, order: list[int]) -> None:
    for moment, seed in enumerate(order):
        os.utime(folder / f"{change_map.digest(noise(seed))}.png", (moment, moment))


def test_the_least_recently_used_go_first(tmp_path):
    store = MapStore(tmp_path, most_maps=3)
    for seed in (1, 2, 3):
        store.keep(noise(seed))
    age(tmp_path, [1, 2, 3])
    store.keep(noise(1))
    store.keep(noise(4))
    assert found(store, 1, 2, 3, 4) == [True, False, True, True]


def test_all_together_are_bounded_in_size(tmp_path):
    store = MapStore(tmp_path)
    store.keep(noise(0))
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    store = MapStore(tmp_path, most_bytes=3 * size)
    for seed in range(1, 6):
        store.keep(noise(seed))
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3 * size
    assert found(store, 5) == [True]
    MapStore(tmp_path, most_bytes=1).keep(noise(6))
    assert found(store, 5, 6) == [False, True]


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "../secret",
        "secret",
        "/etc/passwd",
        "0123456789/",
        "0123456789\n",
        "ABCDEF0123",
        "012345678",
        "..........",
        "0" * 11,
    ],
)
def test_what_is_no_digest_is_not_looked_for(tmp_path, digest):
    (tmp_path / "secret.png").write_bytes(b"not for everyone")
    (tmp_path / "maps").mkdir()
    for name in (digest.strip() or "x",):
        if "/" not in name:
            (tmp_path / "maps" / f"{name}.png").write_bytes(b"not for everyone")
    assert MapStore(tmp_path / "maps").find(digest) is None
