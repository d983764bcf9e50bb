"""Training pictures with captions: a fixed function of their index, written to disk in shards."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from preview.train.abstract import draw_abstract
from preview.train.art import redraw
from preview.train.captions import COLOURS, OBJECTS, SHAPES, STYLES, abstract_caption, landscape_caption
from preview.train.landscape import Layout, draw_landscape, random_layout

SHARD = 500
"""Pictures per file."""
SIZE = 256
HELD_OUT = 10_000_000
"""Indices from here on are never trained on."""


@dataclass(frozen=True)
class Sample:
    """What a training picture shows."""

    caption: str
    style: str | None
    objects: tuple[str, ...]
    """Words of captions.OBJECTS."""


def paint(layout: Layout, style: str | None, height: int = SIZE, width: int = SIZE) -> NDArray[np.uint8]:
    """A landscape in any style of captions.STYLES (None = plain day), as an HxWx3 sRGB picture."""
    scene_style = style if style is None or STYLES[style].kind == "scene" else None
    picture = draw_landscape(layout, scene_style, height, width)
    if style is not None and STYLES[style].kind == "art":
        picture = redraw(picture, style, np.random.default_rng([layout.seed, 99]))
    return _bytes(picture)


def training_picture(index: int) -> tuple[NDArray[np.uint8], Sample]:
    """Picture number `index`: one in five is abstract, one in ten of the landscapes is a plain day."""
    rng = np.random.default_rng([2306_00950, index])
    styles = list(STYLES)
    if rng.random() < 0.2:
        return _abstract(rng, styles)
    style = None if rng.random() < 0.1 else str(rng.choice(styles))
    layout = random_layout(rng)
    caption = landscape_caption(style, list(layout.contents), rng)
    return paint(layout, style), Sample(caption, style, tuple(thing for thing in OBJECTS if thing in layout.contents))


def _abstract(rng: np.random.Generator, styles: list[str]) -> tuple[NDArray[np.uint8], Sample]:
    """An abstract picture, half of them redrawn in an art style."""
    shape = str(rng.choice(SHAPES))
    colours = [str(name) for name in rng.choice(list(COLOURS), size=int(rng.integers(2, 4)), replace=False)]
    arts = [name for name in styles if STYLES[name].kind == "art"]
    style = str(rng.choice(arts)) if rng.random() < 0.5 else None
    picture = draw_abstract(shape, colours, rng)
    if style is not None:
        picture = redraw(picture, style, rng)
    return _bytes(picture), Sample(abstract_caption(style, shape, colours, rng), style, ())


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(picture * 255).astype(np.uint8)


def render_shards(folder: Path, count: int, first: int = 0) -> None:
    """Write pictures `first` to `first + count` as `<number>.npy` (NxHxWx3 uint8) beside `<number>.json` (the samples).
    Shards already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in tqdm(range(first, first + count, SHARD), desc="render", unit="shard"):
        stem = folder / f"{start:08d}"
        if stem.with_suffix(".npy").exists():
            continue
        pictures, samples = zip(*(training_picture(index) for index in range(start, start + SHARD)))
        stem.with_suffix(".json").write_text(json.dumps([asdict(sample) for sample in samples]))
        unfinished = stem.with_suffix(".tmp.npy")
        np.save(unfinished, np.stack(pictures))
        unfinished.rename(stem.with_suffix(".npy"))


def load_shard(path: Path) -> tuple[NDArray[np.uint8], list[Sample]]:
    """The memory-mapped pictures of one shard and what they show."""
    samples = json.loads(path.with_suffix(".json").read_text())
    return np.load(path, mmap_mode="r"), [Sample(s["caption"], s["style"], tuple(s["objects"])) for s in samples]
