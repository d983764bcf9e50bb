"""What a picture says of how it was made, and what the WebUI makes of that."""

import io

import httpx
import numpy as np
import pytest
from PIL import Image

from webui.client import WebUI, base64_of, columns, image_of, largest_difference, map_of, parameters, photograph

PICTURE = photograph()
MAP = columns(0, 128, 255)
FAN = {
    "source": "fan",
    "fan_strengths": [0.3, 0.9, 0.6],
    "fan_axis": "rows",
    "softness": 3,
    "softness_side": "inwards",
    "keep_exact": False,
}


def read(webui: WebUI, encoded: str) -> dict:
    """A picture's parameters, as the WebUI's PNG Info reads them."""
    return webui.post("/sdapi/v1/png-info", {"image": "data:image/png;base64," + encoded})["parameters"]


def test_every_setting_is_in_the_picture(webui: WebUI):
    effect = {"softness": 3, "polarity": "white keeps", "softness_side": "outwards", "keep_exact": False}
    effect |= {"black": 0.05, "white": 0.9, "gamma": 1.5}
    said = read(webui, webui.img2img(PICTURE, map_of(MAP, **effect)).encoded[0])
    ours = {key: value for key, value in said.items() if key.startswith("Differential Diffusion")}
    digest = ours.pop("Differential Diffusion map")
    assert len(digest) == 10
    assert ours == {
        "Differential Diffusion": "map",
        "Differential Diffusion polarity": "white keeps",
        "Differential Diffusion softness": "3.0",
        "Differential Diffusion softness side": "outwards",
        "Differential Diffusion keep exact": "False",
        "Differential Diffusion black": "0.05",
        "Differential Diffusion white": "0.9",
        "Differential Diffusion gamma": "1.5",
    }


def test_the_digest_names_the_map(webui: WebUI):
    def digest(grey):
        infotext = webui.img2img(PICTURE, {"map": base64_of(grey)}, steps=1).infotext
        return parameters(infotext)["Differential Diffusion map"]

    other = MAP.copy()
    other[0, 0] = 1
    assert digest(MAP) == digest(MAP.copy()) != digest(other)


def test_a_plain_picture_says_nothing(webui: WebUI):
    webui.img2img(PICTURE, map_of(MAP))
    assert not [key for key in read(webui, webui.img2img(PICTURE).encoded[0]) if "Differential" in key]


def test_the_webuis_soft_inpainting_is_not_named_where_it_had_no_say(webui: WebUI):
    webui.needs_script("soft inpainting")
    scripts = {"soft inpainting": {"args": [True, 1, 0.5, 4, 0, 0.5, 2]}}
    options = {"mask": Image.fromarray(columns(0, 255)), "steps": 2}
    plain = webui.img2img(PICTURE, alwayson_scripts=scripts, **options)
    assert "Soft inpainting enabled: True" in plain.infotext
    ours = webui.img2img(PICTURE, {"source": "mask"}, alwayson_scripts=scripts, **options)
    assert parameters(ours.infotext)["Differential Diffusion"] == "mask" and "Soft inpainting" not in ours.infotext


def test_a_map_is_kept_only_with_a_saved_picture(webui: WebUI):
    grey = np.random.default_rng().integers(0, 256, (32, 32), np.uint8)  # no earlier test can have kept it

    def kept(**options) -> httpx.Response:
        infotext = webui.img2img(PICTURE, map_of(grey), steps=1, **options).infotext
        return webui.http.get(f"/differential-diffusion/map/{parameters(infotext)['Differential Diffusion map']}")

    assert kept().status_code == 404
    assert kept(save_images=True, override_settings={"samples_save": False}).status_code == 404
    found = kept(save_images=True, override_settings={"samples_save": True})
    assert found.status_code == 200 and np.array_equal(Image.open(io.BytesIO(found.content)), grey)


def test_every_setting_of_the_panel_has_a_value(webui: WebUI):
    """The WebUIs give what is pasted the type of that value, and drop it where there is none."""
    kinds = {"checkbox", "dropdown", "radio", "slider", "textbox"}
    components = [part["props"] for part in webui.get("/config")["components"] if part["type"] in kinds]
    ours = {part["elem_id"]: part["value"] for part in components if str(part.get("elem_id")).startswith("diffdiff_")}
    assert len(ours) > 20 and None not in ours.values()


class TestMadeAgainFromInfotext:
    """Through the request field `infotext`, which fills a request as pasting fills the page."""

    @pytest.fixture(autouse=True)
    def infotext_field(self, webui):
        schemas = webui.get("/openapi.json")["components"]["schemas"].values()
        if not any(
            "infotext" in schema.get("properties", {}) and "init_images" in schema["properties"] for schema in schemas
        ):
            pytest.skip(f"{webui.url} takes no infotext in a request")

    def again(self, webui: WebUI, infotext: str) -> dict:
        """A request like the first, but that our settings stand in the infotext alone."""
        return webui.post("/sdapi/v1/img2img", webui.body(PICTURE, infotext=infotext))

    def test_every_setting_comes_back(self, webui: WebUI):
        first = webui.img2img(PICTURE, FAN)
        image = image_of(self.again(webui, first.infotext)["images"][0])
        assert image.info["parameters"] == first.infotext
        assert largest_difference(image, first.images[0]) <= 1

    def test_a_picture_made_without_switches_off(self, webui: WebUI):
        plain = webui.img2img(PICTURE)
        assert "Differential Diffusion" not in self.again(webui, plain.infotext)["info"]

    def test_the_map_has_to_be_given_again(self, webui: WebUI):
        first = webui.img2img(PICTURE, map_of(MAP))
        status, message = webui.refused(webui.body(PICTURE, infotext=first.infotext))
        assert status == 422 and message.startswith("Differential Diffusion: map: missing")
