"""What of the host's is changed, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def changed(target: Any, **values: Any) -> Iterator[None]:
    """Attributes of `target` changed for a while, and put back whatever happens."""
    missing = object()
    before = {name: vars(target).get(name, missing) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                delattr(target, name)
            else:
                setattr(target, name, value)


def restore_method(p: Any, name: str, method: Any) -> None:
    if getattr(method, "__func__", None) is getattr(type(p), name):
        vars(p).pop(name, None)
    else:
        setattr(p, name, method)
