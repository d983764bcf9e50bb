"""Pictures' files that the page wants to use as maps: read as a request's are, so that both give the same map."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from .. import change_map
from ..change_map import BadMap

ENDPOINT = "/differential-diffusion/map"
MAX_FILE = change_map.MAX_ENCODED * 3 // 4
"""Largest file, in bytes: as much as a request's base64 text can hold."""


def read_uploads(_page: Any, app: Any) -> None:
    """Once the host's `app` has started: let the page post a picture's file and get its map back, as a grey PNG."""
    app.add_api_route(ENDPOINT, _read, methods=["POST"])


async def _read(request: Request) -> Response:
    file = bytearray()
    async for part in request.stream():
        file += part
        if len(file) > MAX_FILE:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file is larger than {MAX_FILE:,} bytes")
    try:
        png = await run_in_threadpool(lambda: change_map.encode(change_map.read(bytes(file))))
    except BadMap as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    return Response(png, media_type="image/png")
