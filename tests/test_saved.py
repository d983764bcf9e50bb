"""What a run leaves on the disk: its labelled fan and its heat map like other results, its map only with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pointwise import base64_of, columns, photograph

from differential_diffusion import change_map
from differential_diffusion.host import maps
from differential_diffusion.map_store import MapStore
from modules import shared

PICTURE = photograph()
MAP = columns(0, 255)
FAN = {"source": "fan", "fan_strengths": [0.2, 0.9], "show_change": True}


@pytest.fixture
def made(host, tmp_path, monkeypatch) -> Callable[..., list[Path]]:
    """Makes a picture in empty folders of its own. Gives the pictures' files."""
    monkeypatch.setattr(maps, "STORE", MapStore(tmp_path / "maps"))
    monkeypatch.setitem(shared.opts.data, maps.OPTION, True)

    def make(effect: dict, saves: bool = True, asks: bool = True) -> list[Path]:
        monkeypatch.setitem(shared.opts.data, "samples_save", saves)
        options = {"outpath_samples": str(tmp_path / "pictures"), "do_not_save_samples": not asks}
        host.img2img(PICTURE, effect, steps=4, **options)
        return sorted((tmp_path / "pictures").glob("*"))

    return make


def test_fan_and_heat_map_are_saved_with_what_they_show(made):
    files = made(FAN)
    shown = {
        file.stem.partition("-7")[2]: Image.open(file).info["parameters"].partition("Differential Diffusion picture: ")
        for file in files
    }
    assert {suffix: rest.partition(",")[0] for suffix, (_, _, rest) in shown.items()} == {
        "": "",
        "-fan": "labelled fan",
        "-change": "what changed",
    }
    assert all("Differential Diffusion: fan" in said for said, _, _ in shown.values())


@pytest.mark.parametrize(("saves", "asks"), [(False, True), (True, False)])
def test_without_saving_there_is_no_file_at_all(made, tmp_path, saves, asks):
    assert made(FAN | {"map": base64_of(MAP)}, saves, asks) == []
    assert list(tmp_path.rglob("*.png")) == []


def test_the_map_is_kept_beside_what_is_saved(made, monkeypatch):
    made({"map": base64_of(MAP)})
    digest = change_map.digest(MAP)
    kept = maps.STORE.find(digest)
    assert kept is not None and np.array_equal(change_map.read(kept), MAP)
    monkeypatch.setitem(shared.opts.data, maps.OPTION, False)
    made({"map": base64_of(MAP.T.copy())})
    assert maps.STORE.find(change_map.digest(MAP.T.copy())) is None
    made({"source": "fan"})
    assert len(list((maps.STORE._folder).iterdir())) == 1, "a fan without a map keeps none"


def test_what_the_hosts_soft_inpainting_wrote_is_taken_out_where_it_had_no_say(host):
    mask = Image.fromarray(MAP)

    def said(effect: dict | None) -> str:
        written = {"Soft inpainting enabled": True, "Soft inpainting schedule bias": 1, "Mask blur": 4}
        return host.img2img(PICTURE, effect, steps=4, mask=mask, extra_generation_params=written).infotext

    assert "Soft inpainting enabled: True" in said(None)
    ours = said({"source": "mask"})
    assert "Soft inpainting" not in ours and "Differential Diffusion: mask" in ours
