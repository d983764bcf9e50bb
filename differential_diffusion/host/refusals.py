"""How an error of ours reaches whoever started the run."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import HTTPException

from ..settings import NAME, Refused


class ShownOnPage(Exception):
    """The hosts' pages write an error as the name of its class and its message."""


ShownOnPage.__name__ = NAME


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
