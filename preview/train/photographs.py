"""Photographs with free licences, for training and for evaluation: which ones, whose, and how to get them.

`photographs.json` lists them with author and licence: public domain, CC0 and CC BY alone. Those that are held out are
never trained on. They come inside Debian's packages (unpacked by `dpkg -x`) and Python's; none is part of this
repository."""

import io
import json
import struct
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CATALOGUE = Path(__file__).with_name("photographs.json")
LONG_SIDE = 1024
"""Pixels of a collected photograph, at most."""
QUALITY = 90
PYTHON_PACKAGES = {"scikit-image": "skimage", "scikit-learn": "sklearn"}


@dataclass(frozen=True)
class Photograph:
    """One entry of the catalogue."""

    name: str
    package: str
    """Of Debian, or of PyPI."""
    file: str
    """Inside the package."""
    author: str
    licence: str
    entry: str | None = None
    """Inside a file of Qt resources."""
    source: str | None = None
    """Where the author published it."""

    def read(self, packages: Path) -> Image.Image:
        """The whole photograph; Debian's packages are unpacked to `packages`/<name>."""
        content = (self._root(packages) / self.file).read_bytes()
        if self.entry is not None:
            content = _qt_resource(content, self.entry)
        return Image.open(io.BytesIO(content)).convert("RGB")

    def _root(self, packages: Path) -> Path:
        if self.package not in PYTHON_PACKAGES:
            return packages / self.package
        module = find_spec(PYTHON_PACKAGES[self.package])
        if module is None or module.origin is None:
            raise FileNotFoundError(f"{self.name} comes with {self.package}, which is not installed")
        return Path(module.origin).parents[1]


def catalogue() -> tuple[list[Photograph], list[Photograph]]:
    """The photographs for training, and those held out."""
    listed = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    training, held_out = ([Photograph(**entry) for entry in listed[part]] for part in ("training", "held out"))
    return training, held_out


def collect(packages: Path, folder: Path) -> None:
    """Write the training photographs to `folder` and the held out ones to `folder`/held-out, as JPEG files."""
    for photographs, place in zip(catalogue(), (folder, folder / "held-out")):
        place.mkdir(parents=True, exist_ok=True)
        for photograph in photographs:
            picture = photograph.read(packages)
            picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
            picture.save(place / f"{photograph.name}.jpg", quality=QUALITY)


@cache
def load(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Collected photographs (HxWx3) by name. FileNotFoundError when there is none."""
    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise FileNotFoundError(f"no photographs in {folder}: run the stage 'gather' first")
    return {path.stem: np.asarray(Image.open(path)) for path in paths}


def _qt_resource(content: bytes, wanted: str) -> bytes:
    """The uncompressed entry of a compiled Qt resource file, by its full path.

    A tree node holds the offset of its name, flags (2: a folder), and a folder's number of children and the first
    one, or a file's offset of its data at byte 10. Names and data are preceded by their lengths."""
    version, tree, data, names = struct.unpack_from(">IIII", content, 4)
    node_size = 22 if version >= 2 else 14

    def find(node: int, path: list[str]) -> int | None:
        at = tree + node * node_size
        if not path:
            return struct.unpack_from(">I", content, at + 10)[0]
        children, first = struct.unpack_from(">II", content, at + 6)
        for child in range(first, first + children):
            (name_at,) = struct.unpack_from(">I", content, tree + child * node_size)
            (length,) = struct.unpack_from(">H", content, names + name_at)
            start = names + name_at + 6
            if content[start : start + 2 * length].decode("utf-16-be") == path[0]:
                return find(child, path[1:])
        return None

    offset = find(0, wanted.strip("/").split("/"))
    if offset is None:
        raise KeyError(wanted)
    (length,) = struct.unpack_from(">I", content, data + offset)
    return content[data + offset + 4 : data + offset + 4 + length]
