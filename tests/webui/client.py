"""A running WebUI as its users' programs see it: over HTTP, through the public client and as plain JSON."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import numpy as np
import patience
import pytest
import webuiapi
from PIL import Image

from webui.samplers import FLOW_ROUNDING, ROUNDING

TITLE = "differential diffusion"
TESTS = "differential diffusion tests"
REQUEST = 300
"""Seconds that one request may take."""


@dataclass(frozen=True)
class Result:
    """What img2img gave back.

    Attributes:
        images: without a grid.
        encoded: the same, as they came: base64 of PNG files.
        infotexts: theirs.
        run: what the test extension saw; empty where it is not installed.
    """

    images: list[Image.Image]
    encoded: list[str] = field(repr=False)
    infotexts: list[str]
    info: dict[str, Any]
    run: dict[str, Any] = field(repr=False)

    @property
    def infotext(self) -> str:
        return self.infotexts[0]

    @property
    def pixels(self) -> np.ndarray:
        """The first picture, int (H, W, 3)."""
        return pixels(self.images[0])

    @property
    def latents(self) -> np.ndarray:
        """float32 (B, C, h, w), all iterations one after the other."""
        return np.concatenate(
            [
                np.frombuffer(base64.b64decode(latent["float32"]), np.float32).reshape(latent["shape"])
                for latent in self.run["latents"]
            ]
        )


class WebUI:
    """Args:
    url: without a path, "http://127.0.0.1:7860".
    checkpoint: for every request, or None for those that the tests were made for.
    """

    def __init__(self, url: str, checkpoint: str | None = None) -> None:
        self.chosen_checkpoint = checkpoint
        self.url = url.rstrip("/")
        self.api = webuiapi.WebUIApi(baseurl=f"{self.url}/sdapi/v1")
        # Forge hangs up after an error without saying so: no connection is used twice
        self.api.session.headers["Connection"] = "close"
        self.http = httpx.Client(
            base_url=self.url, timeout=patience.seconds(REQUEST), limits=httpx.Limits(max_keepalive_connections=0)
        )
        self.defaults: dict[str, Any] = {}
        """Of every request."""
        self._overridden: dict[str, Any] = {}

    def get(self, path: str) -> Any:
        response = self.http.get(path)
        response.raise_for_status()
        return response.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        response = self.http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    @cached_property
    def versions(self) -> str:
        """What it says of itself at the foot of its page."""
        texts = [str(component["props"].get("value")) for component in self.get("/config")["components"]]
        foot = next((text for text in texts if 'class="versions"' in text), "")
        return " ".join(re.sub(r"<[^>]*>", "", html.unescape(foot.partition('class="versions">')[2])).split())

    @cached_property
    def samplers(self) -> list[str]:
        return [sampler["name"] for sampler in self.get("/sdapi/v1/samplers")]

    @cached_property
    def schedules(self) -> list[str]:
        """Empty on Forge Classic, where they are a part of a sampler's name."""
        response = self.http.get("/sdapi/v1/schedulers")
        return [] if response.status_code == 404 else [schedule["label"] for schedule in response.json()]

    @cached_property
    def is_classic(self) -> bool:
        """Whether it is Forge Classic, which makes the first call of any run without guidance unless an option is below
        0: a region that is released later than its plain run begins never has such a call."""
        return not self.schedules and "skip_early_cond" in self.options

    @cached_property
    def scripts(self) -> set[str]:
        return {name.lower() for name in self.get("/sdapi/v1/scripts")["img2img"] if name}

    @cached_property
    def upscalers(self) -> list[str]:
        return [upscaler["name"] for upscaler in self.get("/sdapi/v1/upscalers")]

    @cached_property
    def options(self) -> dict[str, Any]:
        return self.get("/sdapi/v1/options")

    @cached_property
    def checkpoints(self) -> list[str]:
        return [model["model_name"] for model in self.get("/sdapi/v1/sd-models")]

    @cached_property
    def model(self) -> dict[str, Any]:
        """What the test extension knows of a run with the checkpoint in use; empty where it is not installed."""
        return self.img2img(photograph((64, 64)), steps=1).run

    @property
    def rounding(self) -> float:
        """The largest difference between two ways to the same latent, in its standard deviations."""
        return FLOW_ROUNDING if self.model["is_flow"] else ROUNDING

    @property
    def cell(self) -> int:
        """Pixels that a cell of the latent covers, along either side."""
        return 64 // self.model["latents"][0]["shape"][-1] if self.model else 8

    @property
    def is_for_video(self) -> bool:
        """Whether the latents are of five dimensions."""
        return bool(self.model) and len(self.model["latents"][0]["shape"]) == 5

    @property
    def has_test_extension(self) -> bool:
        return TESTS in self.scripts

    def needs_test_extension(self) -> None:
        if not self.has_test_extension:
            pytest.skip(f"{self.url} does not have tests/webui/extension in its extensions folder")

    def needs_script(self, name: str) -> None:
        if name.lower() not in self.scripts:
            pytest.skip(f'{self.url} has no script "{name}"')

    def needs_sampler(self, name: str) -> None:
        if name not in self.samplers:
            pytest.skip(f"{self.url} has no sampler {name}")

    def needs_option(self, name: str) -> None:
        if name not in self.options:
            pytest.skip(f"{self.url} has no option {name}")

    def needs_size(self, size: tuple[int, int]) -> None:
        picture = photograph(size)
        if self.http.post("/sdapi/v1/img2img", json=self.body(picture, steps=1)).status_code != 200:
            pytest.skip(f"{self.url} itself cannot make a picture of {size} with this checkpoint")

    def needs_batches(self) -> None:
        if self.is_for_video:
            pytest.skip(f"{self.url} takes a batch for the frames of a video with this checkpoint")

    def needs_fill(self, fill: int) -> None:
        if fill == 2 and self.is_for_video:
            pytest.skip(f"{self.url} makes its latent noise for a video with this checkpoint, which is refused")

    def needs_checkpoint(self, name: str) -> None:
        if name not in self.checkpoints or self.chosen_checkpoint not in (None, name):
            pytest.skip(f"{self.url} has no checkpoint {name}, or is to use another")

    @contextmanager
    def checkpoint(self, name: str, **options: Any) -> Iterator[None]:
        """Requests use the checkpoint with that name, and these options, as far as the WebUI has them."""
        if name in self.checkpoints:
            options["sd_model_checkpoint"] = self.chosen_checkpoint or name
        with self.options_set(**options):
            yield

    @contextmanager
    def options_set(self, **options: Any) -> Iterator[None]:
        """Requests use these options, as far as the WebUI has them; None leaves one as it is."""
        changed = {option: value for option, value in options.items() if option in self.options and value is not None}
        before = {option: self.options[option] for option in changed}
        self._set_options(changed)
        self.options.update(changed)
        try:
            yield
        finally:
            self._set_options(before)
            self.options.update(before)

    def img2img(self, picture: Image.Image | list[Image.Image], effect: Any = None, **options: Any) -> Result:
        """One request through webuiapi.

        Args:
            effect: the dict of the extension's settings, or a list of positional values; None leaves it out.
            options: of the request. `mask` is a picture, `test` a request to the test extension.
        """
        answer = self.api.custom_post("img2img", self.body(picture, effect, **options), baseurl=True)
        first = answer.info["index_of_first_image"]
        encoded, infotexts = answer.json["images"][first:], answer.info["infotexts"][first:]
        return Result(answer.images[first:], encoded, infotexts, answer.info, self.last_run())

    def body(self, picture: Image.Image | list[Image.Image], effect: Any = None, **options: Any) -> dict[str, Any]:
        """The JSON of a request."""
        pictures = picture if isinstance(picture, list) else [picture]
        options = self.defaults | options
        test, mask = options.pop("test", None), options.pop("mask", None)
        scripts = options.pop("alwayson_scripts", {})
        if effect is not None:
            scripts = scripts | {TITLE: {"args": effect if isinstance(effect, list) else [effect]}}
        if test is not None:
            scripts = scripts | {TESTS: {"args": [test]}}
        overrides = options.get("override_settings", {})
        self.restore_options(but=overrides)
        self._overridden |= {name: self.options[name] for name in overrides if name in self.options}
        if mask is not None:
            options["mask"] = base64_of(mask)
        return {
            "init_images": [base64_of(one) for one in pictures],
            "prompt": "a house",
            "seed": 1,
            "steps": 10,
            "width": pictures[0].width,
            "height": pictures[0].height,
            "denoising_strength": 0.8,
            "sampler_name": "Euler",
            "alwayson_scripts": scripts,
        } | options

    def restore_options(self, but: Container[str] = ()) -> None:
        """Put back what earlier requests have overridden: a WebUI leaves an option that was never saved as the request
        had it."""
        restored = {name: value for name, value in self._overridden.items() if name not in but}
        if restored:
            self._overridden = {name: value for name, value in self._overridden.items() if name in but}
            self._set_options(restored)

    def _set_options(self, options: dict[str, Any]) -> None:
        """By one more picture, since otherwise a WebUI saves them."""
        if not options:
            return
        body = {"init_images": [base64_of(photograph((64, 64)))], "width": 64, "height": 64, "steps": 1}
        body |= {"override_settings": options, "override_settings_restore_afterwards": False}
        self.post("/sdapi/v1/img2img", body)

    def refused(self, body: dict[str, Any]) -> tuple[int, str]:
        """Status and message of a request that must fail."""
        response = self.http.post("/sdapi/v1/img2img", json=body)
        assert response.status_code != 200, "the request was carried out"
        return response.status_code, str(response.json()["detail"])

    def last_run(self) -> dict[str, Any]:
        return self.get("/differential-diffusion-tests/last") if self.has_test_extension else {}


def base64_of(picture: Image.Image | np.ndarray) -> str:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def image_of(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def map_of(grey: np.ndarray | int, **settings: Any) -> dict[str, Any]:
    """Settings with a change map: a picture, or one grey for all."""
    plane = np.full((8, 8), grey, np.uint8) if isinstance(grey, int) else grey
    return {"map": base64_of(plane)} | settings


def columns(*greys: int, size: tuple[int, int] = (128, 128)) -> np.ndarray:
    """A grey picture, uint8 (H, W), of equal columns."""
    edges = np.linspace(0, size[0], len(greys) + 1).round().astype(int)
    return np.repeat(np.repeat(np.array(greys, np.uint8), np.diff(edges))[None], size[1], axis=0)


def photograph(size: tuple[int, int] = (128, 128), seed: int = 3) -> Image.Image:
    """A picture with some structure at every scale."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cell in (4, 8, 16, 32):
        noise = rng.integers(0, 256, (size[1] // cell + 1, size[0] // cell + 1, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(noise).resize(size, Image.BICUBIC), dtype=float)
    return Image.fromarray((total / 4).astype(np.uint8))


def largest_difference(one: Image.Image | np.ndarray, other: Image.Image | np.ndarray) -> int:
    one, other = (pixels(x) if isinstance(x, Image.Image) else x for x in (one, other))
    return int(np.abs(one - other).max())


def parameters(infotext: str) -> dict[str, str]:
    """The last line of an infotext as a dict (values without commas only)."""
    pairs = (item.partition(": ") for item in infotext.splitlines()[-1].split(", "))
    return {key: value for key, _, value in pairs}
