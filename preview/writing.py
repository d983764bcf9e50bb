"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Puts `data` in the place of the file at `path` (of the one that it leads to, if it is a link), which is untouched
    until all of it is on the disk. Folders that are missing are made. Raises OSError, naming `path`."""
    target = _target(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(target.parent)
        try:
            temporary.write_bytes(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"{path} could not be written ({error.strerror}); what was there is left") from error


def obstacle(path: Path) -> str:
    """Why `write` could not write at `path`, found out by writing where it would; empty if it could."""
    target = _target(path)
    try:
        if target.is_symlink():
            return "is a link that leads to no file"
        if target.is_dir():
            return "is a folder; name a file in it"
        if target.exists() and not (stat.S_ISREG(target.stat().st_mode) and os.access(target, os.W_OK)):
            return "is there and cannot be written over"
        folder = next(parent for parent in target.parents if parent.exists())
        for part in target.relative_to(folder).parts:
            with suppress(FileNotFoundError):
                (folder / part).lstat()  # a name that is too long is told even if it is not there
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    try:
        _temporary(folder).unlink()
    except OSError as error:
        return f"cannot be written: nothing can be written in {folder} ({error.strerror})"
    return ""


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _temporary(folder: Path) -> Path:
    """A new, empty file, hidden."""
    file = folder / f".{secrets.token_hex(8)}"
    file.touch(exist_ok=False)
    return file
