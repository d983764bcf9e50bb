"""How an error of ours reaches whoever started the run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import HTTPException

from ..settings import NAME, Refused
from .patches import wrap_once


class ShownOnPage(Exception):
    """The hosts' pages write an error as the name of its class and its message.

    Attributes:
        latest: the last one made since a run began.
    """

    latest: ClassVar[ShownOnPage | None] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        ShownOnPage.latest = self


ShownOnPage.__name__ = NAME


def hand_on() -> None:
    """From now on, errors of ours reach the page also where the host makes its runs in a thread that prints errors and
    gives back nothing (reForge, Forge Classic)."""
    wrap_once(sys.modules.get("modules_forge.main_thread"), "run_and_wait_result", _run_and_hand_on)


def _run_and_hand_on(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    ShownOnPage.latest = None
    result = run(*args, **kwargs)
    if result is None and ShownOnPage.latest is not None:
        raise ShownOnPage.latest
    return result


def end_with(p: Any, error: Exception, is_by_hand: bool) -> None:
    """Let this run end with `error`. Raised here, in a script callback, the host would print it and go on."""

    def fail(*_: Any) -> None:
        del p.init
        raise as_shown(p, error, is_by_hand)

    p.init = fail


def as_shown(p: Any, error: Exception, is_by_hand: bool) -> Exception:
    """`error` as the host can show it: of an API request hosts hand on the message of an HTTPException only."""
    if not isinstance(error, Refused):
        return error
    if p.is_api:
        return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    return ShownOnPage(error.on_page) if is_by_hand else error
