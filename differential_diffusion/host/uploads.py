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


async def body_of(request: Request, most: int) -> bytes:
    """Of a request, of at most `most` bytes; more are refused before they are there."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"what was sent is larger than {most:,} bytes")
    return bytes(body)


async def _read(request: Request) -> Response:
    file = await body_of(request, MAX_FILE)
    try:
        png = await run_in_threadpool(lambda: change_map.encode(change_map.read(file)))
    except BadMap as error:
        is_json = file[:64].lstrip()[:1] in (b"{", b"[")
        hint = "; JSON is sent with the header Content-Type: application/json" if is_json else ""
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}{hint}") from None
    return Response(png, media_type="image/png")
