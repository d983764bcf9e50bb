"""Makes virtual environments for the preview and the tests. Standard library only: nothing is installed yet.

An environment lies in the user's cache folder, never in the checkout, under a name that is a hash of the pinned
requirements and of the Python version. One that exists is complete: it is built under another name first. What only
the tests need is added to the preview's.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from console import Status

NAME = "sd-webui-differential-diffusion"
OLDEST = (3, 10)
NEWEST = {3: (3, 11), 4: (3, 13)}
"""Python by gradio's major version: gradio 3 takes numpy 1 alone, and is pinned for the WebUIs that have it."""
A_DAY = 24 * 60 * 60
SIZE, TIME = "1.7 GB", "two to five minutes"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def cache_folder() -> Path:
    """The folder for everything that may be deleted without harm."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / NAME
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / NAME


def ensure(
    requirements: Sequence[Path],
    extras: Sequence[Path] = (),
    folder: Path | None = None,
    torch_index: str | None = None,
    newest: tuple[int, int] = NEWEST[4],
) -> Path:
    """The Python of an environment with everything in `requirements`, made now if there is none.

    Args:
        extras: more files, which go into the same environment: who needs them shares it with who does not.
        torch_index: where pip looks as well, for another build of torch.
        newest: Python for which they are meant.

    Raises SystemExit with what to do if this Python will not do or the installation fails.
    """
    if not OLDEST <= sys.version_info[:2] <= newest:
        versions = " to ".join(".".join(map(str, version)) for version in (OLDEST, newest))
        raise SystemExit(f"This needs Python {versions}; this is {sys.version.split()[0]} ({sys.executable}).")
    place = place_of(requirements, folder)
    if not place.exists():
        _make(place, requirements, torch_index)
    for file in extras:
        mark = place / f"{_digest([file])}.installed"
        if not mark.exists():
            print(f"Adding {file.parent.name}/{file.name} to {place}", flush=True)
            _install(_python(place), [file], torch_index)
            mark.touch()
    return _python(place)


def place_of(requirements: Sequence[Path], folder: Path | None = None) -> Path:
    """Where the environment with `requirements` lies, or will."""
    return (folder or cache_folder()) / _key(requirements)


def _key(requirements: Sequence[Path]) -> str:
    return f"python{'.'.join(map(str, sys.version_info[:2]))}-{_digest(requirements)}"


def _digest(requirements: Sequence[Path]) -> str:
    pins = b"\n".join(path.read_bytes().replace(b"\r\n", b"\n") for path in requirements)
    return hashlib.sha256(pins).hexdigest()[:16]


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _make(place: Path, requirements: Sequence[Path], torch_index: str | None) -> None:
    """Builds the environment beside `place` and moves it there when it is complete."""
    print(_about(place, torch_index), flush=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    for leftover in place.parent.glob("*.unfinished-*"):  # of a set-up that was killed
        if time.time() - leftover.stat().st_mtime > A_DAY:
            shutil.rmtree(leftover, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f"{place.name}.unfinished-", dir=place.parent))
    started = time.monotonic()
    try:
        venv.create(building, with_pip=True)
        _install(_python(building), requirements, torch_index)
        try:
            building.rename(place)
        except OSError:  # another process was faster
            if not place.exists():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    print(f"The environment is ready, after {time.monotonic() - started:.0f} s.", flush=True)


def _about(place: Path, torch_index: str | None) -> str:
    cuda = (
        "Under Linux torch's usual build brings CUDA packages, several GB more; without a graphics card, Ctrl+C and\n"
        f"begin again with --torch-index {CPU_INDEX}\n"
    )
    return (
        f"First start: an environment for this version is set up, about {SIZE} in {TIME}.\n"
        f"{cuda if sys.platform == 'linux' and torch_index is None else ''}"
        f"It lies in {place}; delete that folder to be rid of it."
    )


def _install(python: Path, requirements: Sequence[Path], torch_index: str | None) -> None:
    """Lets pip install everything, saying what it does and how much is left."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command += [argument for path in requirements for argument in ("-r", str(path))]
    command += ["--extra-index-url", torch_index] if torch_index else []
    status, progress = Status(), PipProgress(python.parents[1], requirements)
    status.show(progress.text)
    # pip is out of reach of the terminal's Ctrl+C, which it would answer with words of its own
    apart: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    environment = os.environ | {"PIP_ROOT_USER_ACTION": "ignore", "PYTHONUNBUFFERED": "1"}
    told: deque[str] = deque(maxlen=30)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, **apart
    ) as pip:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pass_on, args=(pip.stdout, lines), daemon=True).start()
        try:
            while True:
                try:
                    line = lines.get(timeout=1)
                except queue.Empty:
                    line = ""
                if line is None:
                    break
                progress.read(line)
                told.append(line)
                status.show(progress.text)
        except BaseException:
            pip.kill()
            raise
        finally:
            status.clear()
    if pip.returncode:
        print("".join(told), file=sys.stderr)
        raise SystemExit(f"pip ended with code {pip.returncode}; see above. Nothing was kept, so simply start again.")


def _pass_on(stream: Iterable[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


class PipProgress:
    """What pip is doing, from the lines that it prints and, while it unpacks without a word, from its folder."""

    def __init__(self, environment: Path, requirements: Sequence[Path]) -> None:
        pins = [line for path in requirements for line in path.read_text().splitlines() if "==" in line]
        self._total = len([pin for pin in pins if not pin.startswith("#")])
        self._environment = environment
        self._found = self._before = 0
        self._unpacks = False
        self._now = ""

    def read(self, line: str) -> None:
        words = line.split()
        if line.startswith("Collecting "):
            self._found += 1
            self._total = max(self._total, self._found)
            self._now = words[1]
        elif words[:1] == ["Downloading"]:
            self._now = " ".join(words)
        elif line.startswith("Installing collected packages:"):
            self._unpacks, self._before = True, self._installed()
            self._total = line.count(",") + 1

    @property
    def text(self) -> str:
        if self._unpacks:
            return f"unpacking, {self._installed() - self._before} of {self._total} packages"
        return f"fetching, {self._found} of {self._total} packages  {self._now}"

    def _installed(self) -> int:
        folders = ("lib/*/site-packages", "Lib/site-packages")  # the second under Windows
        return len({path for folder in folders for path in self._environment.glob(f"{folder}/*.dist-info")})


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
