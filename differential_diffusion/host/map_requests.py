"""Maps that are asked for by themselves, before a run or without one: by programs, and by the panel."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.routing import Match

from modules import progress, shared
from modules.call_queue import queue_lock

from .. import change_map
from ..change_map import BadMap
from ..settings import BadSetting, Refused, Source, check_characters, parse
from . import makers, requests
from .uploads import ENDPOINT, body_of

KEYS = (
    "auto",
    "auto_prompt",
    "auto_against",
    "polarity",
    "black",
    "white",
    "gamma",
    "equalise",
    "auto_part",
)
"""Settings that a map is made by; `picture` and the run's `prompt` come beside them."""
MAX_BODY = change_map.MAX_ENCODED + 1_000_000
JOB = "change map"


class Interrupted(Refused):
    """The making of a map was broken off."""


def make_maps(_page: Any, app: Any) -> None:
    """Once the host's `app` has started: let programs ask for a picture's map, as JSON, if they may ask for runs."""
    runs = next((route for route in app.routes if getattr(route, "path", None) == requests.ENDPOINT), None)
    app.router.add_api_route(
        ENDPOINT,
        _answer if runs else _refuse,
        methods=["POST"],
        dependencies=runs.dependencies if runs else [],  # the host's own --api-auth
        route_class_override=JsonRoute,
    )


class JsonRoute(APIRoute):
    """For JSON alone: what else is posted to the same address is a picture's file."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        kind = dict(scope.get("headers", [])).get(b"content-type", b"")
        return super().matches(scope) if kind.lower().startswith(b"application/json") else (Match.NONE, {})


def _refuse() -> None:
    raise HTTPException(HTTPStatus.NOT_FOUND, "the WebUI's API is off; start the WebUI with --api")


async def _answer(request: Request) -> dict[str, str]:
    body = await body_of(request, MAX_BODY)
    try:
        return {"map": base64.b64encode(await run_in_threadpool(lambda: _made(_values_of(body), JOB))).decode()}
    except Interrupted as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    except Refused as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _values_of(body: bytes) -> Any:
    """A request's JSON. Raises Refused, saying why there is none."""
    try:
        return json.loads(body)
    except RecursionError:
        raise Refused("the request's JSON is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Refused("the request is not JSON") from None
    except ValueError:
        raise Refused("the request's JSON has a number with too many digits") from None


def make_for_page(request: str) -> str:
    """The panel's request as JSON text, with the number and the `task` that it gave it. The answer has the number, and
    the map as a data URL or what went wrong."""
    values = json.loads(request)
    number, task = values.pop("number"), values.pop("task")
    try:
        answer = {"map": "data:image/png;base64," + base64.b64encode(_made(values, task)).decode()}
    except Refused as error:
        answer = {"error": error.on_page}
    return json.dumps({"number": number, **answer})


def _made(values: Any, job: str) -> bytes:
    """The map that a request asks for, as a grey PNG file.

    Raises:
        Refused: a value that is not allowed, or an interrupt.
    """
    if not isinstance(values, Mapping):
        raise BadSetting("map", 'what was sent is not allowed; {"picture": "<base64 picture>"} is')
    for key in values:
        if key not in (*KEYS, "picture", "prompt"):
            raise BadSetting(key, f"no such key; the keys are picture, prompt, {', '.join(KEYS)}")
    if not isinstance(values.get("picture"), str) or not values["picture"]:
        raise BadSetting("picture", "missing; the picture to make a map for, as base64 or a data URL")
    if not isinstance(values.get("prompt", ""), str):
        raise BadSetting("prompt", "not allowed; the run's prompt as text is")
    check_characters("prompt", values.get("prompt", ""))
    settings = parse({"source": Source.AUTO.value} | {key: values[key] for key in KEYS if key in values})
    assert settings is not None
    try:
        picture = change_map.decode_picture(values["picture"])
    except BadMap as error:
        raise BadSetting("picture", str(error)) from error
    progress.add_task_to_queue(job)
    with queue_lock:
        shared.state.begin(job=job)
        progress.start_task(job)
        try:
            grey = makers.made(picture, settings, values.get("prompt", ""))
        finally:
            shared.state.end()
            progress.finish_task(job)
    if grey is None:
        raise Interrupted("the making of the map was interrupted")
    return change_map.encode(grey)
