"""What of the host's is changed, and put back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

MISSING = object()
WRAPPED = "differential_diffusion_wrapped"
"""Name of the mark on a function that `wrap_once` has made: a page that is reloaded finds it there already."""


def wrap_once(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """From now on, `owner` has in place of its function `name` one that calls `wrapper` with that function and the
    arguments. Nothing on a host that has no such function, or where it is done."""
    function = getattr(owner, name, None)
    if function is None or hasattr(function, WRAPPED):
        return

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrapper(function, *args, **kwargs)

    vars(wrapped)[WRAPPED] = True
    setattr(owner, name, wrapped)


@contextmanager
def changed(target: Any, **values: Any) -> Iterator[None]:
    """Attributes of `target` changed for a while, and put back whatever happens."""
    before = {name: vars(target).get(name, MISSING) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            _put_back(target, name, value)


@contextmanager
def generators_kept() -> Iterator[None]:
    """The global random generators go on afterwards as if nothing had been drawn meanwhile, whatever the device:
    `fork_rng` keeps those of the CPU and of CUDA."""
    others = [torch.mps] if torch.backends.mps.is_available() else []
    xpu = getattr(torch, "xpu", None)  # AUTOMATIC1111's own torch, 2.1, has none
    others += [xpu] if xpu is not None and xpu.is_available() else []
    before = [device.get_rng_state() for device in others]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for device, state in zip(others, before):
            device.set_rng_state(state)


class StandIn:
    """Attributes of `target` that stand in for its own until `leave`."""

    def __init__(self, target: Any, values: Mapping[str, Any]) -> None:
        self._before = {name: vars(target).get(name, MISSING) for name in values}
        self._values = dict(values)
        for name, value in values.items():
            setattr(target, name, value)

    def is_whole(self, target: Any) -> bool:
        """Whether nobody has changed any of them."""
        return all(vars(target).get(name) is value for name, value in self._values.items())

    def leave(self, target: Any) -> None:
        """Put back what stood there, on the target or a copy of it; what somebody else has set since, stays."""
        for name, value in self._values.items():
            if vars(target).get(name) is value:
                _put_back(target, name, self._before[name])


def _put_back(target: Any, name: str, value: Any) -> None:
    if value is MISSING:
        delattr(target, name)
    else:
        setattr(target, name, value)


def restore_method(p: Any, name: str, method: Any) -> None:
    if getattr(method, "__func__", None) is getattr(type(p), name):
        vars(p).pop(name, None)
    else:
        setattr(p, name, method)
