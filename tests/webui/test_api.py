"""The HTTP interface: both forms of arguments, both clients, and what a bad request gets."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from webui.client import (
    TITLE,
    WebUI,
    base64_of,
    columns,
    largest_difference,
    map_of,
    parameters,
    photograph,
    pixels,
)

pytestmark = pytest.mark.gradio  # fastapi and pydantic come with it

PICTURE = photograph()
HALF = columns(0, 255)
AUTOENCODER = 1
"""The autoencoder samples its latent from a generator that no seed of the request reaches: 1/255 between two plain
runs, at most."""


def same(one, other) -> bool:
    return largest_difference(one.images[0], other.images[0]) <= AUTOENCODER


def test_the_effect_is_there(webui: WebUI):
    ours = webui.img2img(PICTURE, map_of(HALF))
    changed = (ours.pixels != pixels(PICTURE)).any(axis=2)
    assert not changed[:, :64].any() and changed[:, 72:].mean() > 0.9
    assert parameters(ours.infotext)["Differential Diffusion"] == "map"


def test_positional_form_is_the_dict_form(webui: WebUI):
    values = {
        "enabled": True,
        "source": "map",
        "map": base64_of(columns(40, 255)),
        "polarity": "white keeps",
        "softness": 4,
        "fan_strengths": None,
        "fan_count": 5,
        "fan_from": 0.2,
        "fan_to": 1.0,
        "fan_axis": "columns",
        "softness_side": "outwards",
        "minimum": 0,
        "keep_exact": True,
    }
    as_dict, as_list = webui.img2img(PICTURE, values), webui.img2img(PICTURE, list(values.values()))
    assert same(as_dict, as_list) and as_dict.infotext == as_list.infotext
    assert same(as_dict, webui.img2img(PICTURE, list(values.values())[:11])), "what is left out has its default"


def test_settings_in_the_place_of_the_list_are_taken(webui: WebUI):
    def effect(arguments) -> dict:
        return {TITLE.title(): {"args": arguments}}

    right = webui.img2img(PICTURE, alwayson_scripts=effect([map_of(HALF)]))
    natural = webui.img2img(PICTURE, alwayson_scripts=effect(map_of(HALF)))
    assert same(right, natural) and right.infotext == natural.infotext


@pytest.mark.parametrize(
    "entry", [5, [map_of(HALF)], map_of(HALF), {"args": 5}, {"args": [map_of(HALF), {"softness": 4}]}]
)
def test_another_form_of_arguments_is_refused_with_the_right_one(webui: WebUI, entry):
    status, message = webui.refused(webui.body(PICTURE, alwayson_scripts={TITLE: entry}, steps=2))
    assert status == 422 and message.startswith("Differential Diffusion: ")
    assert "all settings into one" in message or '{"args": [{"map": "<base64 picture>"}]}' in message


def test_the_public_client_and_plain_json_agree(webui: WebUI):
    effect = map_of(HALF, softness=2)
    options = {"prompt": "a house", "seed": 1, "steps": 10, "width": 128, "height": 128, "denoising_strength": 0.8}
    theirs = webui.api.img2img(
        images=[PICTURE],
        sampler_name="Euler",
        scheduler=webui.defaults.get("scheduler", "Automatic"),
        eta=None,
        alwayson_scripts={TITLE: {"args": [effect]}},
        **options,
    )
    ours = webui.img2img(PICTURE, effect, **options)
    assert largest_difference(theirs.image, ours.images[0]) <= AUTOENCODER
    assert theirs.info["infotexts"] == ours.info["infotexts"]


@pytest.mark.parametrize("off", [None, {"enabled": False}, [False], {"enabled": False, "softness": -1}])
def test_switched_off_is_plain(webui: WebUI, off):
    plain, ours = webui.img2img(PICTURE), webui.img2img(PICTURE, off)
    assert same(plain, ours) and plain.infotext == ours.infotext


def test_every_form_of_a_map(webui: WebUI):
    """Grey, colour, with transparency, of another size, as a data URL: what counts is luminance."""
    grey = Image.fromarray(columns(0, 255))
    colour = Image.merge("RGB", [grey, grey, grey])
    transparent = Image.new("RGBA", grey.size, "white")
    transparent.putalpha(grey)
    small = grey.resize((64, 64), Image.NEAREST)
    reference = webui.img2img(PICTURE, {"map": base64_of(grey)})
    for form in (
        base64_of(colour),
        base64_of(transparent),
        "data:image/png;base64," + base64_of(grey),
    ):
        assert same(reference, webui.img2img(PICTURE, {"map": form}))
    scaled = webui.img2img(PICTURE, {"map": base64_of(small)}).pixels
    assert np.array_equal(scaled[:, :60], pixels(PICTURE)[:, :60])


def tiff_of(values: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    return base64.b64encode(file.getvalue()).decode()


def test_every_way_to_store_a_map(webui: WebUI):
    """Infotext names a map by a digest of its pixels."""
    grey = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)
    strokes = Image.new("RGBA", (8, 8), "black")
    strokes.putalpha(Image.fromarray(grey))
    forms = {
        "8 bits": base64_of(grey),
        "black strokes on transparency": base64_of(strokes),
        "16 bits": base64_of(grey.astype(np.uint16) * 257),
        "float": tiff_of(grey.astype(np.float32) / 255),
        "32 bits": tiff_of(grey.astype(np.int32)),
    }
    digests = {
        form: parameters(webui.img2img(PICTURE, {"map": text}, steps=1).infotext)["Differential Diffusion map"]
        for form, text in forms.items()
    }
    assert len(set(digests.values())) == 1, digests


@pytest.mark.parametrize("source", ["map", "mask"])
def test_levels_make_a_map_or_mask_weaker(webui: WebUI, source):
    """A weaker grey is the picture of the darker grey that the levels make of it."""
    levels = {"black": 0.1, "white": 0.9, "gamma": 2.0}
    grey = 150
    darker = round(((grey / 255 - 0.1) / 0.8) ** 2 * 255)

    def made(value, **settings):
        plane = columns(255, value)
        if source == "map":
            return webui.img2img(PICTURE, map_of(plane, **settings))
        return webui.img2img(PICTURE, {"source": "mask"} | settings, mask=Image.fromarray(plane), inpainting_fill=1)

    ours = made(grey, **levels)
    assert same(ours, made(darker)) and not same(ours, made(grey))
    assert parameters(ours.infotext)["Differential Diffusion gamma"] == "2.0"


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (map_of(0), "nothing was changed: the change map is black everywhere"),
        (
            map_of(255, polarity="white keeps"),
            "nothing was changed: the change map is white everywhere, and white keeps",
        ),
        (map_of(1), "almost nothing was changed: the change map is 0.4% or less everywhere"),
    ],
    ids=["black", "white keeps", "0 and 1 for 0 and 255"],
)
def test_a_run_that_changes_nothing_says_so(webui: WebUI, effect, said):
    webui.needs_test_extension()
    run = webui.img2img(PICTURE, effect, steps=2, n_iter=2).run
    assert run["comments"] == [f"Differential Diffusion: {said}."]
    assert not webui.img2img(PICTURE, map_of(HALF), steps=2).run["comments"]


REFUSED = [
    ({}, "map"),
    (map_of(HALF, strength=1), "strength"),
    (map_of(HALF, softness=-1), "softness"),
    (map_of(HALF, softness="4"), "softness"),
    (map_of(HALF, softness=True), "softness"),
    (map_of(HALF, polarity="black changes"), "polarity"),
    (map_of(HALF, source="text"), "source"),
    (map_of(HALF, keep_exact=1), "keep_exact"),
    (map_of(HALF, black=0.5, white=0.5), "black"),
    (map_of(HALF, white=1.1), "white"),
    (map_of(HALF, gamma=0), "gamma"),
    (map_of(HALF, minimum=1.5), "minimum"),
    (map_of(HALF, enabled="yes"), "enabled"),
    ({"source": "mask"}, "source"),
    ({"source": "fan", "fan_count": 11}, "fan_count"),
    ({"source": "fan", "fan_strengths": [0.5]}, "fan_strengths"),
    ({"source": "fan", "fan_strengths": [0.5, 2]}, "fan_strengths"),
    ({"source": "fan", "fan_strengths": [0, 0]}, "fan_strengths"),
    ({"source": "fan", "fan_axis": "diagonal"}, "fan_axis"),
    ({"map": 7}, "map"),
    ({"map": "/etc/passwd"}, "map"),
    ({"map": "file:///etc/passwd"}, "map"),
    ({"map": "http://127.0.0.1:9/map.png"}, "map"),
    ({"map": "data:image/svg+xml;base64,PHN2Zy8+"}, "map"),
    ({"map": "bm90IGEgcGljdHVyZQ=="}, "map"),
    ({"map": tiff_of(np.array([[0, np.nan]], np.float32))}, "map"),
    ({"map": tiff_of(np.array([[-1, 2]], np.float32))}, "map"),
    ([True, "map", "", "white changes"], "map"),
    ([True, "nonsense"], "source"),
]


@pytest.mark.parametrize(("effect", "key"), REFUSED, ids=[f"{n}-{key}" for n, (_, key) in enumerate(REFUSED)])
def test_bad_settings_are_refused_by_name(webui: WebUI, effect, key):
    status, message = webui.refused(webui.body(PICTURE, effect, steps=2))
    assert status == 422
    assert message.startswith(f"Differential Diffusion: {key}: ")
    assert "root:" not in message


def test_a_map_beyond_the_stated_size_is_refused(webui: WebUI):
    huge = Image.new("L", (20000, 10))
    status, message = webui.refused(webui.body(PICTURE, {"map": base64_of(huge)}, steps=2))
    assert status == 422 and "16384 pixels a side" in message


def test_a_refused_request_leaves_nothing_behind(webui: WebUI):
    plain = webui.img2img(PICTURE)
    webui.refused(webui.body(PICTURE, map_of(HALF, softness=-1)))
    again = webui.img2img(PICTURE)
    assert same(plain, again) and plain.infotext == again.infotext


def test_json_info_records_what_the_user_set(webui: WebUI):
    """The run itself starts at the strongest cell's strength; that is nobody's setting."""
    ours = webui.img2img(PICTURE, map_of(columns(0, 128)))
    assert ours.info["denoising_strength"] == 0.8
    assert parameters(ours.infotext)["Denoising strength"] == "0.8"
    assert base64_of(columns(0, 128))[:60] not in str(ours.info)


def test_txt2img_is_not_touched(webui: WebUI):
    def text_to_image() -> dict:
        body = {"prompt": "a house", "seed": 3, "steps": 4, "width": 64, "height": 64, "sampler_name": "Euler"}
        return webui.post("/sdapi/v1/txt2img", body)

    before = text_to_image()
    webui.img2img(PICTURE, map_of(HALF))
    after = text_to_image()
    assert before["images"] == after["images"]
    assert "Differential Diffusion" not in after["info"]


def test_what_changed_comes_back_as_a_heat_map(webui: WebUI):
    ours = webui.img2img(PICTURE, map_of(columns(0, 255), show_change=True))
    plain = webui.img2img(PICTURE, map_of(columns(0, 255)))
    assert len(plain.images) == 1 and len(ours.images) == len(ours.infotexts) == 2
    assert largest_difference(ours.images[0], plain.images[0]) <= 1, "noise of the autoencoder"
    said = parameters(ours.infotexts[1])
    assert said["Differential Diffusion picture"] == "what changed"
    assert 0 < float(said["Differential Diffusion CAM"]) <= 1 and float(said["Differential Diffusion DAM"]) > 0
    heat = pixels(ours.images[1])[-PICTURE.height :].astype(float)
    assert heat[:, : heat.shape[1] // 2].mean() < heat[:, heat.shape[1] // 2 :].mean()
