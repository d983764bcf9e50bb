"""API requests, looked at before the host lays out their script arguments.

Every host reads the arguments as a list without looking: of an object it wants entry 0 and fails, and settings that
stand beside it are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException

from ..settings import NAME, BadSetting, requested

ENDPOINT = "/sdapi/v1/img2img"


def check_requests(_page: Any, app: Any) -> None:
    """Once the host's `app` has started: let its endpoint see requests as `settings.requested` makes them."""
    for route in app.routes:
        if getattr(route, "path", None) == ENDPOINT:
            route.dependant.call = _checking(route.dependant.call)


def _checking(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def call(**parameters: Any) -> Any:
        for parameter in parameters.values():
            _check(getattr(parameter, "alwayson_scripts", None) or {})
        return endpoint(**parameters)

    return call


def _check(scripts: dict[str, Any]) -> None:
    for title in [title for title in scripts if title.lower() == NAME.lower()]:
        try:
            scripts[title] = {"args": requested(scripts[title])}
        except BadSetting as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
