"""Maps that are made for a run's picture, in whole runs of the unmodified script on a model that knows two words."""

import base64
import io
import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fastapi import Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from PIL import Image
from pointwise import PointwiseHost, PointwiseModel, ScriptHost, base64_of, columns, photograph

from differential_diffusion import automatic
from differential_diffusion.automatic import Part
from differential_diffusion.change_map import Extent
from differential_diffusion.host import FAN_TICKETS, map_requests, preprocessors, prompt_maps, uploads
from differential_diffusion.settings import FIELDS, BadSetting
from modules import shared
from modules.api.api import Api
from modules.processing import StableDiffusionProcessingImg2Img

PICTURE = photograph((128, 64))
WORDS = {"left": np.s_[..., :8], "right": np.s_[..., 8:]}
"""Where each acts, in cells."""


class WordModel(PointwiseModel):
    """A prompt acts where its words do. `rows` are the sizes of the batches that it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def get_learned_conditioning(self, prompts, width, height, is_negative=False):
        return {"crossattn": torch.tensor([[[float(word in p) for word in WORDS]] for p in prompts])}

    def apply_model(self, x, timestep, cond):
        self.rows.append(len(x))
        output = super().apply_model(x, timestep, cond)
        for word, place in enumerate(WORDS.values()):
            output[place] += 0.3 * cond["crossattn"][:, :, word, None, None]
        return output


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(shared, "sd_model", None, raising=False)
    prompt_maps.forget()
    host = PointwiseHost()
    host.model = shared.sd_model = WordModel()

    def batch(pictures, effect, **options):
        p = StableDiffusionProcessingImg2Img(
            sd_model=host.model,
            **{"seed": 7, "steps": 20, "cfg_scale": 1, "width": 128, "height": 64, "batch_size": len(pictures)}
            | options,
            init_images=pictures,
        )
        return host.img2img(None, effect, p=p).images

    host.batch = batch
    yield host
    prompt_maps.forget()


def halves(image: Image.Image) -> list[bool]:
    """Whether the left and the right half differ from the picture; what lies between may be smooth."""
    change = np.abs(np.asarray(image).astype(int) - np.asarray(PICTURE)).max(axis=(0, 2))
    return [bool(change[:48].any()), bool(change[80:].any())]


def auto(**keys) -> dict:
    return {"source": "auto", **keys}


class TestPrompt:
    def test_a_run_changes_where_its_prompt_acts(self, host):
        for word, expected in (("left", [True, False]), ("right", [False, True])):
            assert halves(host.img2img(PICTURE, auto(), prompt=word).images[0]) == expected

    def test_another_text_can_be_looked_for_and_compared_with(self, host):
        run = host.img2img(PICTURE, auto(auto_prompt="left right", auto_against="right"), prompt="right")
        assert halves(run.images[0]) == [True, False]

    def test_polarity_levels_and_the_mask_act_as_on_any_map(self, host):
        assert halves(host.img2img(PICTURE, auto(white=0.01), prompt="left").images[0]) == [True, False]
        kept = host.img2img(PICTURE, auto(polarity="white keeps", black=0.99), prompt="left").images[0]
        change = np.abs(np.asarray(kept).astype(int) - np.asarray(PICTURE)).mean(axis=(0, 2))
        assert change[80:].mean() > 10 * change[:48].mean()
        mask = Image.fromarray(columns(0, 255, size=(128, 64)))
        options = {"mask": mask, "inpaint_full_res": False, "inpainting_fill": 1, "mask_blur": 0}
        assert halves(host.img2img(PICTURE, auto(), prompt="left right", **options).images[0]) == [False, True]

    def test_it_is_the_run_with_that_map(self, host):
        made = prompt_maps.where_it_acts(PICTURE, prompt_maps.Texts.of("left", "", ""))
        ours = host.img2img(PICTURE, auto(softness=4), prompt="left")
        assert made.shape == (8, 16)
        painted = (automatic.finished(made, Extent(128, 64), False, Part.HIGH) * 255).round().astype(np.uint8)
        same = host.img2img(PICTURE, {"map": base64_of(painted), "softness": 4}, prompt="left")
        assert torch.equal(ours.latent, same.latent) and np.array_equal(ours.images[0], same.images[0])

    def test_the_model_is_called_24_times_for_a_picture_and_never_twice(self, host):
        plain = len(host.img2img(PICTURE, {"map": base64_of(columns(255))}, prompt="left").levels)
        host.model.rows.clear()
        first = host.img2img(PICTURE, auto(), prompt="left")
        assert host.model.rows == [2] * 24 + [1] * (len(first.levels) - 24) and len(first.levels) - 24 <= plain
        host.model.rows.clear()
        host.img2img(PICTURE, auto(), prompt="left")
        host.img2img(PICTURE, auto(auto_prompt="left"), prompt="right", n_iter=2)
        assert 2 not in host.model.rows
        host.img2img(photograph((128, 64), seed=4), auto(), prompt="left")
        assert host.model.rows.count(2) == 24

    def test_the_levels_are_30_50_and_80_percent_of_the_models(self, host):
        levels = host.img2img(PICTURE, auto(), prompt="left").levels[:24]
        assert np.allclose(np.reshape(levels, (3, 8)), [[300] * 8, [500] * 8, [799] * 8], atol=1)

    def test_runs_after_it_are_those_without_it(self, host):
        def run():
            return host.img2img(PICTURE, {"map": base64_of(columns(0, 128, 255))}, prompt="left").latent

        def after(effect):
            random.seed(1)
            torch.manual_seed(1)
            np.random.seed(1)
            host.img2img(PICTURE, effect, prompt="right")
            return random.getstate(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()

        before = run()
        assert after(auto()) == after({"map": base64_of(columns(255))})
        assert torch.equal(run(), before)

    def test_the_run_is_the_same_whether_its_map_was_made_or_remembered(self, host):
        first, second = (host.img2img(PICTURE, auto(), prompt="left") for _ in range(2))
        assert torch.equal(first.latent, second.latent) and first.infotext == second.infotext

    def test_progress_is_shown_and_left_as_it_was(self, host):
        seen = []

        def look(_model):
            seen.append((shared.state.progress(), shared.state.textinfo))

        host.model.hook = look
        host.img2img(PICTURE, auto(), prompt="left")
        assert np.allclose([share for share, _ in seen[:24]], np.arange(24) / 24)
        assert seen[0][1] == "Making the change map" and seen[24][1] is None

    @pytest.mark.parametrize("stop", ["interrupt", "skip"])
    def test_broken_off_it_changes_nothing_and_is_not_remembered(self, host, stop):
        def break_off(model):
            if len(model.levels) == 5:
                getattr(shared.state, stop)()

        host.model.hook = break_off
        broken = ScriptHost.img2img(host, PICTURE, auto(), prompt="left")
        assert "the map was not finished, so nothing was changed" in broken.processed.comments
        assert [halves(image) for image in broken.images] == ([] if stop == "interrupt" else [[False, False]])
        host.model.hook = None
        whole = host.img2img(PICTURE, auto(), prompt="left")
        assert halves(whole.images[0]) == [True, False]

    def test_nothing_to_look_for_is_refused(self, host):
        with pytest.raises(BadSetting, match="auto_prompt: empty, and so is the prompt; say what to look for"):
            host.img2img(PICTURE, auto(), prompt=" ")
        with pytest.raises(BadSetting, match="auto_against: the same text"):
            host.img2img(PICTURE, auto(auto_against="left"), prompt="left")

    def test_only_masked_keeps_the_crop_that_others_have_seen(self, host):
        mask = Image.new("L", PICTURE.size)
        mask.paste(255, (64, 0, 128, 64))
        options = {"mask": mask, "inpaint_full_res": True, "inpainting_fill": 1, "mask_blur": 0, "width": 64}
        assert halves(host.img2img(PICTURE, auto(), prompt="right", **options).images[0]) == [False, True]
        nothing = host.img2img(PICTURE, auto(), prompt="left", **options)
        assert nothing.images[0].size == PICTURE.size and halves(nothing.images[0]) == [False, False]

    def test_each_picture_of_a_batch_has_its_own(self, host):
        """Bright and dark halves, left and right: each picture changes where it is bright itself."""
        pictures = [
            Image.fromarray(np.repeat(columns(*greys, size=(128, 64))[..., None], 3, 2))
            for greys in ((9, 250), (250, 9))
        ]
        together = host.batch(pictures, auto(auto="luminance", black=0.5))
        alone = [
            host.batch([picture], auto(auto="luminance", black=0.5), seed=7 + i) for i, picture in enumerate(pictures)
        ]
        for index, single in enumerate(alone):
            assert np.array_equal(together[index], single[0])


class TestOthers:
    @pytest.mark.parametrize("auto_", ["luminance", "saturation", "detail"])
    def test_maps_of_the_picture_alone_call_no_model(self, host, auto_):
        plain = len(host.img2img(PICTURE, {"map": base64_of(columns(255))}).levels)
        assert len(host.img2img(PICTURE, auto(auto=auto_)).levels) <= plain

    def test_a_fan_over_a_made_map(self, host):
        values = [auto().get(key, field.default) for key, field in FIELDS.items()]
        values[0] = True
        for script in host.runner.alwayson_scripts:
            script.args_to = 1 + len(values) + 1
        run = host.img2img(PICTURE, prompt="left", script_args=[0, *values, FAN_TICKETS.issue()])
        assert halves(run.images[-1]) == [True, False]
        assert "Differential Diffusion: fan" in run.infotext and "Differential Diffusion auto: prompt" in run.infotext

    def test_infotext_says_how_it_was_made(self, host):
        text = host.img2img(PICTURE, auto(auto="luminance", equalise=True, auto_part="middle")).infotext
        for part in ("Differential Diffusion: auto", "auto: luminance", "equalise: True", "auto part: middle"):
            assert part in text


def offered(answer, *, name="depth_test", tags=(), sliders=3):
    """One preprocessor of Forge's, which answers with `answer(picture)`; Forge Classic's have two sliders."""

    def call(picture, resolution, **given):
        assert given == dict.fromkeys(names, 7) and resolution == min(picture.shape[:2])
        return answer(picture)

    names = [f"slider_{number}" for number in range(1, sliders + 1)]
    vars(call).update(dict.fromkeys(names, SimpleNamespace(gradio_update_kwargs={"value": 7})))
    call.tags, call.sorting_priority = list(tags), 0
    return {name: call}


class TestPreprocessors:
    @pytest.fixture
    def offer(self, monkeypatch):
        def offer(*args, **keys):
            module = SimpleNamespace(supported_preprocessors=offered(*args, **keys))
            monkeypatch.setitem(preprocessors.sys.modules, "modules_forge.shared", module)

        return offer

    @pytest.mark.parametrize("sliders", [2, 3])
    def test_its_answer_is_the_map(self, host, offer, sliders):
        offer(lambda picture: np.repeat(columns(0, 255, size=(64, 32))[..., None], 3, axis=2), sliders=sliders)
        assert halves(host.img2img(PICTURE, auto(auto="depth_test")).images[0]) == [False, True]

    def test_one_that_is_not_there_is_refused_with_those_that_are(self, host, offer):
        with pytest.raises(BadSetting, match='auto: "depth" is not allowed; prompt, luminance.*if the WebUI had any'):
            host.img2img(PICTURE, auto(auto="depth"))
        offer(lambda picture: picture)
        with pytest.raises(BadSetting, match="preprocessors depth_test"):
            host.img2img(PICTURE, auto(auto="depth"))

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda picture: 1 / 0, "failed: ZeroDivisionError: division by zero"),
            (lambda picture: picture[:, :32], "answers with 32 x 64 pixels, which is no map of 128 x 64"),
            (lambda picture: {"embedding": 1}, "answers with no picture"),
            (lambda picture: picture.astype(float), "answers with no picture"),
        ],
    )
    def test_one_that_fails_says_so_and_the_next_run_is_clean(self, host, offer, answer, message):
        offer(answer)
        with pytest.raises(BadSetting, match=message):
            host.img2img(PICTURE, auto(auto="depth_test"))
        offer(lambda picture: picture)
        assert host.img2img(PICTURE, auto(auto="depth_test")).images

    def test_depth_comes_first_and_what_makes_no_picture_is_left_out(self, monkeypatch):
        every = [("canny", ()), ("None", ()), ("seg_ofade20k", ()), ("depth_midas", ()), ("CLIP-G", ("IP-Adapter",))]
        there = {}
        for name, tags in every:
            there |= offered(lambda picture: picture, name=name, tags=tags)
        monkeypatch.setitem(
            preprocessors.sys.modules, "modules_forge.shared", SimpleNamespace(supported_preprocessors=there)
        )
        assert preprocessors.names() == ["depth_midas", "seg_ofade20k", "canny"]


def _asked(**keys) -> dict:
    return {"picture": base64_of(PICTURE), **keys}


class TestRequests:
    """`POST /differential-diffusion/map` with JSON."""

    @pytest.fixture
    def client(self, host):
        app = FastAPI()
        Api(app)
        map_requests.make_maps(None, app)
        uploads.read_uploads(None, app)
        return TestClient(app)

    @pytest.fixture
    def post(self, client):
        return lambda values: client.post("/differential-diffusion/map", json=values)

    @staticmethod
    def map_in(answer) -> np.ndarray:
        assert answer.status_code == 200, answer.text
        image = Image.open(io.BytesIO(base64.b64decode(answer.json()["map"])))
        assert image.format == "PNG" and image.mode == "L"
        return np.asarray(image)

    def test_the_map_is_the_runs(self, host, post):
        keys = {
            "auto_prompt": "left",
            "polarity": "white keeps",
            "black": 0.1,
            "white": 0.8,
            "gamma": 2,
            "equalise": True,
        }
        made = self.map_in(post(_asked(**keys)))
        assert made.shape == (64, 128) and made[:, 80:].min() > made[:, :48].max()
        host.model.levels.clear()
        ours = host.img2img(PICTURE, auto(**keys), prompt="right")
        painted = host.img2img(PICTURE, {"map": base64_of(made)}, prompt="right")
        assert torch.equal(ours.latent, painted.latent) and np.array_equal(ours.images[0], painted.images[0])
        assert len(ours.levels) == len(painted.levels), "the map that was asked for is remembered"

    def test_the_same_request_gives_the_same_map(self, post):
        first = post(_asked(prompt="left")).json()
        prompt_maps.forget()
        assert post(_asked(prompt="left")).json() == first

    def test_a_picture_of_2048_pixels_is_asked_about_at_768(self, host, post):
        seen = []
        encode = host.model.encode_first_stage
        host.model.encode_first_stage = lambda pictures: seen.append(pictures.shape[-2:]) or encode(pictures)
        large = base64_of(PICTURE.resize((2048, 1024)))
        assert self.map_in(post({"picture": large, "auto_prompt": "left"})).shape == (1024, 2048)
        assert seen == [(384, 768)]

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"auto": "luminance"}, "picture: missing"),
            ({"picture": "/etc/passwd"}, "picture: not base64"),
            ({"picture": "http://127.0.0.1/a.png"}, "picture: not base64"),
            (_asked(), "auto_prompt: empty"),
            (_asked(auto="depth_any"), 'auto: "depth_any" is not allowed; prompt, luminance, saturation, detail are'),
            (_asked(prompt=3), "prompt: not allowed"),
            (_asked(black=1), "black: 1 is not allowed"),
            (_asked(softness=3), "softness: no such key; the keys are picture, prompt, auto, "),
            (_asked(prompt="\ud800"), "prompt: '\\ud800' holds half of a surrogate pair"),
            (_asked(auto_prompt="\ud800"), "auto_prompt: '\\ud800' holds half of a surrogate pair"),
            (_asked(**{"\ud800": 1}), "\\ud800: no such key"),
            ([1], "what was sent is not allowed"),
        ],
    )
    def test_what_cannot_be_made_is_refused_in_words(self, post, values, message):
        answer = post(values)
        assert answer.status_code == 422 and message in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "kind", "message"),
        [
            (b"{", "application/json", "the request is not JSON"),
            (b"\xff\xfe{", "application/json", "the request is not JSON"),
            (b"[" * 100_000, "application/json", "the request's JSON is nested too deeply"),
            (b'{"softness": %s%s}' % (b"[" * 900, b"]" * 900), "application/json", "softness: no such key"),
            (b'{"picture": "x", "black": %s%s}' % (b"[" * 900, b"]" * 900), "application/json", "black: [[["),
            (b'{"black": %s}' % (b"1" * 5000), "application/json", "a number with too many digits"),
            (b"{}", "Application/JSON; charset=utf-8", "picture: missing"),
            (b' {"picture": ""}', "text/plain", "JSON is sent with the header Content-Type: application/json"),
            (b"[]", "", "JSON is sent with the header Content-Type: application/json"),
        ],
    )
    def test_what_is_no_request_is_told_what_it_is(self, client, body, kind, message):
        answer = client.post("/differential-diffusion/map", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 422 and message in answer.json()["detail"]

    def test_an_interrupt_says_so_and_the_next_map_is_whole(self, host, post):
        host.model.hook = lambda model: len(model.levels) == 3 and shared.state.interrupt()
        answer = post(_asked(prompt="left"))
        assert answer.status_code == 409 and "the making of the map was interrupted" in answer.json()["detail"]
        host.model.hook = None
        host.model.levels.clear()
        assert self.map_in(post(_asked(prompt="left"))).max() == 255 and len(host.model.levels) == 24

    def test_a_file_is_still_read_as_a_map(self, host):
        app = FastAPI()
        map_requests.make_maps(None, app)
        uploads.read_uploads(None, app)
        file = base64.b64decode(base64_of(columns(0, 90, 255)))
        answer = TestClient(app).post("/differential-diffusion/map", content=file)
        assert np.array_equal(Image.open(io.BytesIO(answer.content)), columns(0, 90, 255))

    def test_without_the_hosts_api_there_is_none(self, host):
        app = FastAPI()
        map_requests.make_maps(None, app)
        answer = TestClient(app).post("/differential-diffusion/map", json=_asked(prompt="left"))
        assert answer.status_code == 404 and "start the WebUI with --api" in answer.json()["detail"]

    def test_the_hosts_own_lock_is_before_it(self, host):
        def locked():
            raise HTTPException(401)

        app = FastAPI()
        app.add_api_route("/sdapi/v1/img2img", lambda: None, methods=["POST"], dependencies=[Depends(locked)])
        map_requests.make_maps(None, app)
        assert TestClient(app).post("/differential-diffusion/map", json=_asked(prompt="left")).status_code == 401

    def test_the_panel_is_told_what_went_wrong_in_its_own_words(self, host):
        asked = {"number": 4, "task": "task(4)", "prompt": "", **_asked()}
        answer = json.loads(map_requests.make_for_page(json.dumps(asked)))
        assert answer == {"number": 4, "error": "Say what to look for: a word beside Make map, or a prompt."}
        answer = json.loads(map_requests.make_for_page(json.dumps(asked | {"auto_prompt": "left"})))
        assert answer["number"] == 4 and answer["map"].startswith("data:image/png;base64,")
