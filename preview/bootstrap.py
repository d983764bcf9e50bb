"""Makes virtual environments for the preview and the tests. Standard library only: nothing is installed yet.

An environment lies in the user's cache folder, never in the checkout, under a name that is a hash of the pinned
requirements and of the Python version. One that exists is complete: it is built under another name first.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

NAME = "sd-webui-differential-diffusion"
OLDEST, NEWEST = (3, 10), (3, 11)
A_DAY = 24 * 60 * 60


def cache_folder() -> Path:
    """The folder for everything that may be deleted without harm."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / NAME
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / NAME


def ensure(requirements: Sequence[Path], folder: Path | None = None) -> Path:
    """The Python of an environment with everything in `requirements`, made now if there is none.

    Raises SystemExit with what to do if this Python will not do or the installation fails.
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        versions = " or ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
        raise SystemExit(f"This needs Python {versions}; this is {sys.version.split()[0]} ({sys.executable}).")
    folder = folder or cache_folder()
    place = folder / _key(requirements)
    if not place.exists():
        _make(place, requirements)
    return _python(place)


def _key(requirements: Sequence[Path]) -> str:
    pins = b"\n".join(path.read_bytes().replace(b"\r\n", b"\n") for path in requirements)
    version = ".".join(map(str, sys.version_info[:2]))
    return f"python{version}-{hashlib.sha256(pins).hexdigest()[:16]}"


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _make(place: Path, requirements: Sequence[Path]) -> None:
    """Builds the environment beside `place` and moves it there when it is complete."""
    names = ", ".join(path.name for path in requirements)
    print(f"Preparing an environment for {names}.\nThis happens once and takes some minutes: {place}", flush=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    for leftover in place.parent.glob("*.unfinished-*"):  # of a set-up that was killed
        if time.time() - leftover.stat().st_mtime > A_DAY:
            shutil.rmtree(leftover, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f"{place.name}.unfinished-", dir=place.parent))
    try:
        venv.create(building, with_pip=True)
        files = [argument for path in requirements for argument in ("-r", str(path))]
        pip = [str(_python(building)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *files]
        code = subprocess.call(pip)
        if code:
            raise SystemExit(f"pip ended with code {code}; see above. Nothing was kept, so simply start again.")
        try:
            building.rename(place)
        except OSError:  # another process was faster
            if not place.exists():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    print("The environment is ready.", flush=True)


def run(python: Path, arguments: Sequence[str]) -> int:
    """Runs `python` with `arguments` and returns its exit status; Ctrl+C is left to the child.

    Where the system can, this process becomes that one, so that a signal to end it reaches the program itself.
    """
    if os.name == "posix":
        os.execv(python, [str(python), *arguments])
    with subprocess.Popen([str(python), *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
