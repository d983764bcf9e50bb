"""The preview's HTTP interface, through the public client and as plain requests."""

import base64
import inspect
import io
import json
import threading
import time

import hypothesis
import numpy as np
import pytest
import requests
import webuiapi
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pointwise import PointwiseModel, base64_of, photograph

from differential_diffusion import settings
from modules import script_callbacks, scripts, shared
from modules.api.api import Api
from modules.api.models import Img2ImgRequest

pytestmark = pytest.mark.gradio  # fastapi and pydantic come with it

PICTURE = photograph((128, 128))
WEBUIS_OWN = ("Requests not allowed", "Invalid encoded image")
"""What the WebUI says of pictures that it does not take, with a status of 500."""


@pytest.fixture(scope="module")
def client(preview) -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(baseurl=f"{preview}/sdapi/v1", sampler="Euler", steps=4)


@pytest.fixture
def post(preview):
    return lambda path, body: requests.post(
        f"{preview}/sdapi/v1/{path}",
        data=json.dumps(body),  # requests' own refuses NaN, which other clients send
        headers={"Content-Type": "application/json"},
        timeout=120,
    )


def request(**fields) -> dict:
    options = {"width": 128, "height": 128, "steps": 4, "sampler_name": "Euler", "seed": 1}
    return {"init_images": [base64_of(PICTURE)], **options, **fields}


def pictures(answer: requests.Response) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in answer.json()["images"]]


def test_the_public_client_gets_a_picture_with_its_infotext(client):
    result = client.img2img(images=[PICTURE], prompt="a house", seed=3, width=128, height=128, denoising_strength=0.5)
    assert result.image.size == (128, 128)
    assert result.info["all_seeds"] == [3] and result.info["denoising_strength"] == 0.5
    assert "Steps: 4, Sampler: Euler" in result.info["infotexts"][0]
    assert result.image.info["parameters"] == result.info["infotexts"][0]


def test_txt2img(client):
    result = client.txt2img(prompt="a lake", seed=3, width=128, height=64)
    assert result.image.size == (128, 64)


def test_the_same_seed_gives_the_same_picture_and_another_another(post):
    first, second, other = (pictures(post("img2img", request(seed=seed)))[0] for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_a_batch_comes_with_its_grid_first(post):
    answer = post("img2img", request(batch_size=2, n_iter=2))
    info = webuiapi.webuiapi.json.loads(answer.json()["info"])
    images = pictures(answer)
    assert info["index_of_first_image"] == 1 and len(images) == len(info["infotexts"]) == 5
    assert images[0].size == (256, 256) and {image.size for image in images[1:]} == {(128, 128)}
    single = pictures(post("img2img", request(seed=2)))[0]
    difference = np.abs(np.asarray(images[2]).astype(int) - np.asarray(single))
    assert difference.max() <= 1  # a batch goes through the convolutions as a whole, which rounds otherwise


def test_lists(client):
    samplers = {sampler["name"]: sampler["options"] for sampler in client.get_samplers()}
    required = {"Euler", "Euler a", "Heun", "DPM++ 2M", "DPM++ 2M SDE", "LMS", "DDIM", "UniPC"}
    assert required <= set(samplers)
    assert samplers["Heun"]["second_order"] is True
    assert client.get_scripts()["img2img"] == ["differential diffusion"]


def test_options_are_read_and_set(client):
    before = client.get_options()
    client.set_options({"img2img_fix_steps": True})
    assert client.get_options() == {**before, "img2img_fix_steps": True}
    client.set_options({"img2img_fix_steps": False})
    assert client.get_options() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("samples_format", "../../x"), ("sd_vae_encode_method", "full"), ("infotext_skip_pasting", [[]]), ("nope", 1)],
)
def test_a_bad_option_is_refused_and_no_other_is_set(post, client, name, value):
    before = client.get_options()
    answer = post("options", {"img2img_fix_steps": True, name: value})
    assert answer.status_code == 422 and f"option {name!r}" in answer.json()["detail"]
    assert client.get_options() == before


def test_override_settings_last_for_one_run(post, client):
    before = client.get_options()
    answer = post("img2img", request(override_settings={"img2img_fix_steps": True}, denoising_strength=0.5))
    assert answer.status_code == 200 and client.get_options() == before
    plain = post("img2img", request(denoising_strength=0.5))
    assert not np.array_equal(pictures(answer)[0], pictures(plain)[0])


def test_png_info(post):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a house\nSteps: 7, Sampler: Heun, CFG scale: 5, Size: 64x32")
    file = io.BytesIO()
    PICTURE.save(file, "PNG", pnginfo=texts)
    answer = post("png-info", {"image": base64.b64encode(file.getvalue()).decode()}).json()
    fields = answer["parameters"]
    assert (fields["Prompt"], fields["Steps"], fields["Size-1"], fields["Size-2"]) == ("a house", "7", "64", "32")


def error_of(answer: requests.Response) -> dict:
    error = answer.json()
    assert set(error) == {"error", "detail", "body", "errors"}
    return error


@pytest.mark.parametrize(
    "picture",
    [
        "http://127.0.0.1:9/picture.png",
        "https://example.com/picture.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "AAAA",
        "",
    ],
)
def test_a_picture_is_never_an_address_or_a_path(post, picture):
    answer = post("img2img", request(init_images=[picture]))
    assert answer.status_code == 500
    assert error_of(answer)["detail"] in WEBUIS_OWN


def test_a_picture_that_claims_to_be_huge_is_refused_unread(post):
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    png = bytearray(file.getvalue())
    png[16:24] = (100_000).to_bytes(4, "big") * 2
    png[29:33] = __import__("zlib").crc32(png[12:29]).to_bytes(4, "big")
    answer = post("img2img", request(init_images=[base64.b64encode(png).decode()]))
    assert answer.status_code == 500 and error_of(answer)["detail"] == "Invalid encoded image"


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"init_images": []}, 404, "Init image not found"),
        ({"sampler_name": "Nope"}, 400, "Sampler not found"),
        ({"scheduler": "Nope"}, 422, "bad scheduler name: Nope"),
        ({"alwayson_scripts": {"nope": {"args": []}}}, 422, "Script 'nope' not found"),
        ({"tiling": True}, 501, "the preview has no tiling"),
        ({"script_name": "SD upscale"}, 501, "the preview has no script_name"),
        ({"override_settings": {"nope": 1}}, 422, "no option 'nope'"),
        ({"override_settings": {"img2img_fix_steps": 3}}, 422, "'img2img_fix_steps' takes bool"),
        ({"override_settings": {"img2img_extra_noise": -1}}, 422, "takes 0 to 10, not -1"),
        ({"override_settings": {"img2img_background_color": "#12"}}, 422, "color specifier"),
        ({"override_settings": {"samples_format": "/../x"}}, 422, "takes png, jpg, jpeg, webp, not '/../x'"),
        ({"override_settings": {"sd_vae_encode_method": "x"}}, 422, "takes Full, not 'x'"),
        ({"override_settings": {"infotext_skip_pasting": ["Seed", 3]}}, 422, "takes a list of texts"),
        ({"init_images": [base64_of(PICTURE)] * 2}, 422, "2 init_images for a batch_size of 1"),
        ({"prompt": "\ud800"}, 422, "half of a surrogate pair"),
        ({"override_settings": {"\ud800": 1}}, 422, "half of a surrogate pair"),
        ({"cfg_scale": float("nan")}, 422, "nan is not a number"),
        ({"denoising_strength": float("inf")}, 422, "inf is not a number"),
    ],
)
def test_errors_say_what_was_wrong(post, fields, status, told):
    answer = post("img2img", request(**fields))
    assert answer.status_code == status
    assert told in error_of(answer)["errors"] or told == error_of(answer)["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", "many"),
        ("steps", -1),
        ("steps", 0),
        ("denoising_strength", -0.1),
        ("denoising_strength", 1.01),
        ("batch_size", 0),
        ("n_iter", 0),
        ("width", 100_000),
        ("height", 100),
        ("seed", -2),
        ("mask_blur", -1),
        ("resize_mode", 4),
    ],
)
def test_a_value_that_no_run_can_use_is_refused_by_its_field(post, field, value):
    answer = post("img2img", request(**{field: value}))
    [problem] = answer.json()["detail"]
    assert answer.status_code == 422 and problem["loc"] == ["body", field]


@pytest.fixture(scope="module")
def endpoints():
    """The interface alone, on a model that takes no time."""
    before = getattr(shared, "sd_model", None)
    shared.sd_model = PointwiseModel()
    scripts.load_scripts()
    scripts.scripts_img2img.initialize_scripts(is_img2img=True)
    app = FastAPI()
    Api(app)
    script_callbacks.app_started_callback(None, app)
    yield TestClient(app, raise_server_exceptions=False)
    shared.sd_model = before


numbers = (
    st.floats()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2, 63, 64, 65, 100_000, 10**30, float("nan"), float("-inf")])
)
texts = st.text(st.characters(), max_size=5) | st.sampled_from(
    ["\ud800", "Euler", "1", "http://127.0.0.1/x", "/etc/passwd"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("args"), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [*inspect.signature(Img2ImgRequest).parameters, "unknown"]
EFFECTS = values | st.dictionaries(st.sampled_from(sorted(settings.FIELDS)), values, max_size=3)


@hypothesis.settings(max_examples=250)
@given(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=3),
    st.none() | EFFECTS | st.fixed_dictionaries({"args": EFFECTS | st.lists(EFFECTS, max_size=2)}),
    st.none() | st.dictionaries(st.sampled_from(sorted(shared.opts.data)), values, max_size=2),
)
def test_whatever_is_asked_is_done_or_refused(endpoints, fields, effect, options):
    """No request makes the server fail: it gets its pictures, or a status that says whose mistake it was."""
    body = request(width=64, height=64, steps=2) | fields
    body |= {} if effect is None else {"alwayson_scripts": {settings.NAME.lower(): effect}}
    body |= {} if options is None else {"override_settings": options}
    answer = endpoints.post("/sdapi/v1/img2img", content=json.dumps(body))
    is_the_webuis = answer.status_code == 500 and answer.json()["detail"] in WEBUIS_OWN
    assert answer.status_code in (200, 400, 404, 422, 501) or is_the_webuis, answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b"[1]", b"[" * 100_000, b'{"a":' * 5000])
@pytest.mark.parametrize("path", ["img2img", "txt2img", "options", "png-info"])
def test_what_is_no_request_is_refused(endpoints, path, body):
    answer = endpoints.post(f"/sdapi/v1/{path}", content=body)
    assert answer.status_code in (400, 422) and answer.json()["detail"]


def test_after_an_error_the_next_run_is_clean(post, client):
    wanted = pictures(post("img2img", request()))[0]
    assert post("img2img", request(scheduler="Nope")).status_code == 422
    assert np.array_equal(pictures(post("img2img", request()))[0], wanted)
    assert client.get_progress()["state"]["job_count"] == 0


def test_progress_and_interrupt(preview, client, post):
    answers = []
    run = threading.Thread(target=lambda: answers.append(post("img2img", request(steps=150, n_iter=20))))
    run.start()
    seen = []
    deadline = time.monotonic() + 60
    while not (seen and seen[-1]["state"]["sampling_step"] > 3) and time.monotonic() < deadline:
        seen.append(client.get_progress())
        time.sleep(0.05)
    assert seen[-1]["state"]["sampling_steps"] == 113 and 0 < seen[-1]["progress"] < 1
    client.interrupt()
    run.join(60)
    assert not run.is_alive() and answers[0].status_code == 200 and len(answers[0].json()["images"]) == 1
    assert client.get_progress()["progress"] == 0


def test_the_server_listens_on_this_machine_alone(preview):
    assert preview.startswith("http://127.0.0.1:")
