"""The routes under /sdapi/v1."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from PIL import Image, PngImagePlugin

from modules import errors, images, infotext_utils, script_callbacks, scripts, sd_samplers, sd_schedulers, shared
from modules.api.models import (
    NOT_IN_THE_PREVIEW,
    Img2ImgRequest,
    PNGInfoRequest,
    ProcessingRequest,
    Txt2ImgRequest,
)
from modules.call_queue import queue_lock
from modules.processing import (
    Processed,
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    process_images,
)


def decode_base64_to_image(encoding: str) -> Image.Image:
    """A picture from base64 or a data URL. Never opens an address or a path; raises an HTTPException instead."""
    if encoding.startswith(("http://", "https://")):
        raise HTTPException(500, "Requests not allowed")
    if encoding.startswith("data:image/"):
        encoding = encoding.partition(",")[2]
    try:
        return images.read(io.BytesIO(base64.b64decode(encoding)))
    except Exception as error:
        raise HTTPException(500, "Invalid encoded image") from error


def encode_pil_to_base64(image: Image.Image) -> bytes:
    """A PNG with the texts of the picture's info."""
    texts = PngImagePlugin.PngInfo()
    for key, value in image.info.items():
        if isinstance(value, str):
            texts.add_text(key, value)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=texts)
    return base64.b64encode(file.getvalue())


class ErrorsAsJson(APIRoute):
    """What an endpoint raises becomes the WebUI's error object, with the exception's own status if it has one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                _check_json(await request.body())
                return await handler(request)
            except RequestValidationError as error:
                # without the values themselves, which may be megabytes long or no JSON
                told = [{key: problem[key] for key in ("loc", "msg", "type")} for problem in error.errors()]
                return JSONResponse(jsonable_encoder({"detail": told}), 422)
            except Exception as error:
                if not isinstance(error, HTTPException):
                    errors.report(f"API error: {request.method} {request.url}", exc_info=True)
                details = vars(error)
                content = {
                    "error": type(error).__name__,
                    "detail": details.get("detail", ""),
                    "body": details.get("body", ""),
                    "errors": str(error),
                }
                return JSONResponse(jsonable_encoder(content), details.get("status_code", 500))

        return handle


def _check_json(body: bytes) -> None:
    """Refuses what JSON's grammar lets through but no field can use and no answer repeat, wherever it stands."""
    try:
        values = [json.loads(body or b"null")]
    except RecursionError as error:
        raise HTTPException(422, "the request's JSON is nested too deeply") from error
    except ValueError:
        return  # the endpoint says what is wrong with the JSON
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            values += value
        elif isinstance(value, float) and not math.isfinite(value):
            raise HTTPException(422, f"{value} is not a number that a field can take")
        elif isinstance(value, str) and not _is_text(value):
            raise HTTPException(422, f"{ascii(value)[:60]} holds half of a surrogate pair, which is no character")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Api:
    """Adds the routes to `app`. The scripts must have been initialized."""

    def __init__(self, app: FastAPI) -> None:
        router = APIRouter(prefix="/sdapi/v1", route_class=ErrorsAsJson)
        router.add_api_route("/txt2img", self.text2imgapi, methods=["POST"])
        router.add_api_route("/img2img", self.img2imgapi, methods=["POST"])
        router.add_api_route("/png-info", self.pnginfoapi, methods=["POST"])
        router.add_api_route("/progress", self.progressapi, methods=["GET"])
        router.add_api_route("/interrupt", self.interruptapi, methods=["POST"])
        router.add_api_route("/skip", self.skip, methods=["POST"])
        router.add_api_route("/options", self.get_config, methods=["GET"])
        router.add_api_route("/options", self.set_config, methods=["POST"])
        router.add_api_route("/samplers", self.get_samplers, methods=["GET"])
        router.add_api_route("/schedulers", self.get_schedulers, methods=["GET"])
        router.add_api_route("/sd-models", self.get_sd_models, methods=["GET"])
        router.add_api_route("/scripts", self.get_scripts_list, methods=["GET"])
        app.include_router(router)

    def text2imgapi(self, request: Txt2ImgRequest) -> dict[str, Any]:
        p = StableDiffusionProcessingTxt2Img(**_common_fields(request))
        return self._run(p, request, scripts.scripts_txt2img)

    def img2imgapi(self, request: Img2ImgRequest) -> dict[str, Any]:
        if not request.init_images:
            raise HTTPException(404, "Init image not found")
        if len(request.init_images) > request.batch_size:
            raise HTTPException(422, f"{len(request.init_images)} init_images for a batch_size of {request.batch_size}")
        fields = {name: getattr(request, name) for name in _IMG2IMG_FIELDS}
        p = StableDiffusionProcessingImg2Img(
            **_common_fields(request),
            **fields,
            init_images=[decode_base64_to_image(image) for image in request.init_images],
            mask=decode_base64_to_image(request.mask) if request.mask else None,
        )
        if not request.include_init_images:
            request.init_images = request.mask = None
        return self._run(p, request, scripts.scripts_img2img)

    def _run(
        self, p: StableDiffusionProcessing, request: ProcessingRequest, runner: scripts.ScriptRunner
    ) -> dict[str, Any]:
        arguments = _script_arguments(request.alwayson_scripts, runner)
        with queue_lock, closing(p):
            p.is_api = True
            p.outpath_samples = shared.opts.outdir_img2img_samples
            p.do_not_save_samples = not request.save_images
            p.scripts = runner
            p.script_args = tuple(arguments)
            shared.state.begin(job="scripts_img2img")
            try:
                processed: Processed = process_images(p)
            finally:
                shared.state.end()
        pictures = [encode_pil_to_base64(image) for image in processed.images] if request.send_images else []
        return {"images": pictures, "parameters": dict(request), "info": processed.js()}

    def pnginfoapi(self, request: PNGInfoRequest) -> dict[str, Any]:
        image = decode_base64_to_image(request.image.strip())
        items = {key: value for key, value in image.info.items() if isinstance(value, str)}
        info = items.pop("parameters", "")
        fields = infotext_utils.parse_generation_parameters(info)
        script_callbacks.infotext_pasted_callback(info, fields)
        return {"info": info, "items": items, "parameters": fields}

    def progressapi(self) -> dict[str, Any]:
        return {
            "progress": shared.state.progress(),
            "eta_relative": shared.state.eta() or 0,
            "state": shared.state.dict(),
            "current_image": None,
            "textinfo": shared.state.textinfo,
        }

    def interruptapi(self) -> dict[str, Any]:
        shared.state.interrupt()
        return {}

    def skip(self) -> None:
        shared.state.skip()

    def get_config(self) -> dict[str, Any]:
        return shared.opts.data

    def set_config(self, request: dict[str, Any]) -> None:
        _check_options(request)
        for name, value in request.items():
            shared.opts.set(name, value)

    def get_samplers(self) -> list[dict[str, Any]]:
        return [
            {"name": data.name, "aliases": data.aliases, "options": data.options} for data in sd_samplers.all_samplers
        ]

    def get_schedulers(self) -> list[dict[str, Any]]:
        return [{"name": scheduler.name, "label": scheduler.label} for scheduler in sd_schedulers.schedulers]

    def get_sd_models(self) -> list[dict[str, Any]]:
        name = shared.sd_model.name
        return [{"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}]

    def get_scripts_list(self) -> dict[str, list[str | None]]:
        tabs = {"txt2img": scripts.scripts_txt2img, "img2img": scripts.scripts_img2img}
        return {tab: [script.name for script in runner.scripts] for tab, runner in tabs.items()}


_COMMON_FIELDS = (
    "prompt",
    "negative_prompt",
    "seed",
    "batch_size",
    "n_iter",
    "steps",
    "cfg_scale",
    "width",
    "height",
    "override_settings_restore_afterwards",
)
_IMG2IMG_FIELDS = (
    "resize_mode",
    "denoising_strength",
    "mask_blur",
    "mask_blur_x",
    "mask_blur_y",
    "mask_round",
    "inpainting_fill",
    "inpaint_full_res",
    "inpaint_full_res_padding",
    "inpainting_mask_invert",
    "initial_noise_multiplier",
)


def _common_fields(request: ProcessingRequest) -> dict[str, Any]:
    for name, neutral in NOT_IN_THE_PREVIEW.items():
        if getattr(request, name) not in neutral:
            raise HTTPException(501, f"the preview has no {name}")
    sampler, scheduler = sd_samplers.get_sampler_and_scheduler(
        request.sampler_name or request.sampler_index, request.scheduler
    )
    if sampler not in sd_samplers.all_samplers_map:
        raise HTTPException(400, "Sampler not found")
    if scheduler not in sd_schedulers.schedulers_map:
        raise HTTPException(
            422, f"bad scheduler name: {scheduler}; there are {', '.join(sd_schedulers.schedulers_map)}"
        )
    _check_options(request.override_settings or {})
    fields = {name: getattr(request, name) for name in _COMMON_FIELDS}
    return fields | {
        "sd_model": shared.sd_model,
        "sampler_name": sampler,
        "scheduler": scheduler,
        "override_settings": request.override_settings or {},
    }


def _check_options(values: dict[str, Any]) -> None:
    for name, value in values.items():
        try:
            shared.opts.checked(name, value)
        except (AttributeError, TypeError, ValueError) as error:
            raise HTTPException(422, str(error)) from error


def _script_arguments(requested: dict[str, Any], runner: scripts.ScriptRunner) -> list[Any]:
    """Every script's defaults, and over them the values that the request gives by position."""
    arguments = runner.default_args()
    for title, given in requested.items():
        script = runner.script(title)
        if script is None:
            raise HTTPException(422, f"Script '{title}' not found")
        if not isinstance(given, dict) or not isinstance(given.get("args", []), list):
            raise HTTPException(422, f"""Script '{title}' takes {{"args": [...]}}""")
        values = given.get("args", [])[: script.args_to - script.args_from]
        arguments[script.args_from : script.args_from + len(values)] = values
    return arguments
