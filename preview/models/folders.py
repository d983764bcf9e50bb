"""Models' files: what can be checked before they are loaded, and how it is told if one cannot be."""

from __future__ import annotations

import json
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open  # type: ignore[attr-defined]

INDEX = "model_index.json"


class BadModel(ValueError):
    """A model that cannot be used. The message, of one line, names it and says why."""


def index_of(folder: Path) -> dict[str, Any]:
    """What a diffusers folder says that it holds. Raises BadModel."""
    values = object_in(folder / INDEX)
    if not isinstance(values.get("_class_name"), str):
        raise BadModel(f"{folder / INDEX} has no _class_name, which says what the model is")
    return values


def check_parts(folder: Path, without: Collection[str]) -> None:
    """Looks at a diffusers folder's parts, but for those `without` which it is used: whether they are there, their
    configuration is JSON, and their weights are whole. Raises BadModel."""
    for name, entry in index_of(folder).items():
        if name in without or not isinstance(entry, list) or entry[-1:] == [None]:
            continue
        part = folder / name
        if not part.is_dir() or not any(part.iterdir()):
            raise BadModel(f"{folder}: {name} cannot be loaded: there is no such folder, or nothing in it")
        for file in sorted(part.glob("*config.json")):
            object_in(file)
        if (part / "config.json").is_file():
            _check_weights(folder, part)


def _check_weights(folder: Path, part: Path) -> None:
    # a dot before the ending is a variant's, such as .fp16, which is not read
    weights = [file for file in sorted(part.glob("*.safetensors")) if "." not in file.stem]
    if not weights:
        raise BadModel(
            f"{folder}: {part.name} cannot be loaded: it has no .safetensors weights; other formats, such as .bin, can "
            "run code when opened and are not read"
        )
    for file in weights:
        check_header(file)


def check_header(file: Path) -> None:
    """Raises BadModel for a file that is no .safetensors, or not all of one."""
    try:
        safe_open(file, framework="np")
    except (OSError, SafetensorError) as error:
        raise BadModel(f"{file} is no .safetensors file, or not all of one ({error})") from error


def object_in(file: Path) -> dict[str, Any]:
    """A JSON file's object. Raises BadModel."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{file} cannot be read as JSON ({error})") from error
    if not isinstance(values, dict):
        raise BadModel(f"{file} is not allowed; a JSON object is")
    return values


@contextmanager
def told(model: Path) -> Iterator[None]:
    """Whatever goes wrong as `model` is loaded is told as BadModel."""
    try:
        yield
    except BadModel:
        raise
    except Exception as error:
        part = _part_in(error)
        raise BadModel(f"{model}{part and f': {part}'} cannot be loaded: {_reason(error)}") from error


def _part_in(error: Exception) -> str:
    """The part that diffusers was loading as `error` came up; empty if it was none."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return next((frame.f_locals["name"] for frame in frames if frame.f_code.co_name == "load_sub_model"), "")


def _reason(error: Exception) -> str:
    """What `error` says first, below titles, and how much more; no advice to look for models elsewhere."""
    lines = [line.strip() for line in str(error).splitlines() if not line.endswith(":")]
    first, *more = filter(None, lines or [""])
    first = first.partition(" If you were trying to load it from")[0]
    name = "" if isinstance(error, (OSError, RuntimeError, ValueError)) else f"{type(error).__name__}: "
    return f"{name}{first}{f' (and {len(more)} more)' if more else ''}"
