"""Training pictures with captions: fixed functions of their index, written to disk in shards."""

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from preview.train.abstract import draw_abstract
from preview.train.art import redraw
from preview.train.canvas import Picture
from preview.train.captions import (
    COLOURS,
    OBJECTS,
    SHAPES,
    STYLES,
    abstract_caption,
    landscape_caption,
    photograph_caption,
)
from preview.train.grades import regrade
from preview.train.landscape import Layout, draw_landscape, random_layout

SHARD = 50
"""Pictures per file."""
SIZE = 256
HELD_OUT = 10_000_000
"""Indices from here on are never trained on."""

LINE_ART = ("sketch", "comic", "neon", "blueprint")
"""Styles that draw every edge."""

Photographs = dict[str, NDArray[np.uint8]]
"""HxWx3 by name."""


@dataclass(frozen=True)
class Sample:
    """What a training picture shows."""

    caption: str
    style: str | None
    objects: tuple[str, ...]
    """Words of captions.OBJECTS."""
    landscape: bool = True
    """False: it is not known to hold, or to lack, any of the objects."""


Painter = Callable[[int], tuple[NDArray[np.uint8], Sample]]


def paint(layout: Layout, style: str | None, height: int = SIZE, width: int = SIZE) -> NDArray[np.uint8]:
    """A landscape in any style of captions.STYLES (None = plain day), as an HxWx3 sRGB picture."""
    scene_style = style if style is None or STYLES[style].kind == "scene" else None
    picture = draw_landscape(layout, scene_style, height, width)
    if style is not None and STYLES[style].kind == "art":
        picture = redraw(picture, style, np.random.default_rng([layout.seed, 99]))
    return _bytes(picture)


def training_picture(index: int, height: int = SIZE, width: int = SIZE) -> tuple[NDArray[np.uint8], Sample]:
    """Made picture number `index`: one in five is abstract, one in ten of the landscapes is a plain day."""
    rng = np.random.default_rng([2306_00950, index])
    styles = list(STYLES)
    if rng.random() < 0.2:
        return _abstract(rng, styles, height, width)
    style = None if rng.random() < 0.1 else str(rng.choice(styles))
    layout = random_layout(rng)
    caption = landscape_caption(style, list(layout.contents), rng)
    shown = tuple(thing for thing in OBJECTS if thing in layout.contents)
    return paint(layout, style, height, width), Sample(caption, style, shown)


def _abstract(rng: np.random.Generator, styles: list[str], height: int, width: int) -> tuple[NDArray[np.uint8], Sample]:
    """An abstract picture, half of them redrawn in an art style."""
    shape = str(rng.choice(SHAPES))
    colours = [str(name) for name in rng.choice(list(COLOURS), size=int(rng.integers(2, 4)), replace=False)]
    arts = [name for name in styles if STYLES[name].kind == "art"]
    style = str(rng.choice(arts)) if rng.random() < 0.5 else None
    picture = draw_abstract(shape, colours, rng, height, width)
    if style is not None:
        picture = redraw(picture, style, rng)
    return _bytes(picture), Sample(abstract_caption(style, shape, colours, rng), style, ())


def photograph_picture(
    photographs: Photographs, index: int, height: int = SIZE, width: int = SIZE
) -> tuple[NDArray[np.uint8], Sample]:
    """Picture number `index` made from a photograph: a part of it at some scale, one in four as it is and the others
    in a style."""
    rng = np.random.default_rng([2306_00951, index])
    photograph = photographs[str(rng.choice(sorted(photographs)))]
    style = None if rng.random() < 0.25 else str(rng.choice(list(STYLES)))
    picture = restyle(random_part(photograph, rng, height, width), style, rng)
    return picture, Sample(photograph_caption(style, rng), style, (), landscape=False)


def random_part(picture: NDArray[np.uint8], rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A part of a picture of random size and place, scaled to `height` x `width`, one in two mirrored."""
    whole = min(picture.shape[0] / height, picture.shape[1] / width)
    scale = whole * float(rng.uniform(0.4, 1.0)) if whole > 1 else whole
    rows, columns = round(height * scale), round(width * scale)
    top, left = (int(rng.integers(have - need + 1)) for have, need in zip(picture.shape[:2], (rows, columns)))
    part = picture[top : top + rows, left : left + columns, :]
    scaled = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC)
    return scaled[:, ::-1] if rng.random() < 0.5 else scaled


def restyle(picture: NDArray[np.uint8], style: str | None, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Any picture in any style of captions.STYLES, by filters alone."""
    if style is None:
        return picture
    given = np.ascontiguousarray(picture, np.float32) / 255
    if STYLES[style].kind == "scene":
        return _bytes(regrade(given, style, rng))
    return _bytes(redraw(_simplified(given) if style in LINE_ART else given, style, rng))


def _simplified(picture: Picture) -> Picture:
    """A photograph with little texture and of middling brightness, as made pictures are: drawn lines follow shapes
    then."""
    for _ in range(3):
        picture = cv2.bilateralFilter(picture, 9, 0.15, 4)
    return picture ** (np.log(0.58) / np.log(np.clip(picture.mean(), 0.05, 0.8)))


def _bytes(picture: Picture) -> NDArray[np.uint8]:
    return np.round(picture * 255).astype(np.uint8)


@dataclass(frozen=True)
class Shard:
    """Pictures `first` to `first + count` of a painter, as `<first>.npy` (NxHxWx3 uint8) beside `<first>.json` (the
    samples)."""

    folder: Path
    painter: Painter
    first: int
    count: int

    @property
    def path(self) -> Path:
        return self.folder / f"{self.first:08d}.npy"

    def render(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        pictures, samples = zip(*(self.painter(index) for index in range(self.first, self.first + self.count)))
        self.path.with_suffix(".json").write_text(json.dumps([asdict(sample) for sample in samples]))
        unfinished = self.path.with_suffix(".tmp.npy")
        np.save(unfinished, np.stack(pictures))
        unfinished.rename(self.path)


def shards(folder: Path, count: int, painter: Painter, first: int = 0) -> list[Shard]:
    """At least `count` pictures of a painter."""
    return [Shard(folder, painter, start, SHARD) for start in range(first, first + count, SHARD)]


def render_shards(wanted: list[Shard], processes: int = 1) -> None:
    """Write those that are not there."""
    missing = [shard for shard in wanted if not shard.path.exists()]
    bar = partial(tqdm, desc="render", total=len(missing), unit="shard", mininterval=5)
    if processes == 1:
        for shard in bar(missing):
            shard.render()
    elif missing:
        with multiprocessing.get_context("spawn").Pool(processes, cv2.setNumThreads, (1,)) as pool:
            for _ in bar(pool.imap_unordered(Shard.render, missing)):
                pass


def load_shard(path: Path) -> tuple[NDArray[np.uint8], list[Sample]]:
    """The memory-mapped pictures of one shard and what they show."""
    samples = json.loads(path.with_suffix(".json").read_text())
    return np.load(path, mmap_mode="r"), [Sample(**{**s, "objects": tuple(s["objects"])}) for s in samples]
