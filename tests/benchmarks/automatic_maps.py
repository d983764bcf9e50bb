"""Automatic maps: how well a word's map finds what the word names"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from report import heat, save_sheet, table
from runs import SIZE, Host, demo_model

from differential_diffusion import automatic
from differential_diffusion.automatic import DRAWS
from differential_diffusion.host import prompt_maps
from differential_diffusion.host.prompt_maps import Texts
from preview.train.landscape import Layout, random_layout
from preview.train.render import HELD_OUT, paint

PICTURES = 60
OWN_SEEDS = HELD_OUT + 9_500_000
"""Other pictures than those that the way was chosen by."""
WORDS = ("trees", "lake", "house", "mountain")
BARELY = 12
"""Of 255: what an object's absence changes less than this is not taken for the object."""
FEWEST = 0.003
"""Share of the picture below which an object is too small, or hidden, to be looked for."""
SHOWN = (
    ("trees", "autumn"),
    ("lake", "gold"),
    ("house", "fire"),
    ("mountain", "winter"),
    ("trees", "night"),
    ("lake", "neon"),
    ("house", "candy"),
    ("mountain", "sunset"),
)
"""What is looked for, and what it is then made into, in the sheet's pictures."""
SHOWN_SIZE = 144

Plane = NDArray[np.floating]


def run(quick: bool) -> None:
    """Print the area under the ROC curve for each word and each way, and save the sheet."""
    host = Host(demo_model())
    areas: dict[tuple[str, str], list[float]] = defaultdict(list)
    for index in range(1 if quick else PICTURES):
        layout = landscape(index)
        picture = Image.fromarray(paint(layout, None))
        for word in WORDS:
            mask = where(layout, word)
            if mask.mean() < FEWEST:
                continue
            for name, plane in maps_of(picture, word).items():
                areas[name, word].append(area_under_curve(enlarged(plane), mask))
    counts = [len(areas["luminance", word]) for word in WORDS]
    names = dict.fromkeys(name for name, _ in areas)
    rows = [[name, *(f"{np.mean(areas[name, word]):.2f}" for word in WORDS)] for name in names]
    print(
        f"{PICTURES} landscapes of {SIZE} px that the demo model has never seen. The truth is what an object's absence "
        "changes in the drawing; 0.5 is chance, 1 finds exactly that.\n"
    )
    print(table(["mean area under the ROC curve", *WORDS], [["pictures", *counts], *rows]))
    if not quick:
        print(f"\n{sheet(host)}\n\nA picture, its map, and the edit made with it at strength 1.")


def landscape(index: int) -> Layout:
    return random_layout(np.random.default_rng([OWN_SEEDS, index]))


def where(layout: Layout, word: str) -> NDArray[np.bool_]:
    """Where an object is seen, by painting the picture with it and without it: (H, W)."""
    if word not in layout.contents:
        return np.zeros((SIZE, SIZE), bool)
    without = replace(layout, contents=tuple(thing for thing in layout.contents if thing != word))
    return np.abs(paint(layout, None).astype(int) - paint(without, None)).max(axis=-1) > BARELY


def maps_of(picture: Image.Image, word: str) -> dict[str, Plane]:
    """Maps of where a word acts, by the way that they were made."""
    with patch.object(automatic, "from_predictions", wraps=automatic.from_predictions) as seen:
        beside = asked(picture, f"landscape, {word}", "landscape")
    wanted, against, _ = seen.call_args.args
    difference = np.abs(wanted - against)
    return {
        "this map, `landscape, WORD` against `landscape`": beside,
        "this map, `WORD` against nothing": asked(picture, word, ""),
        "DiffEdit's difference alone, `landscape, WORD` against `landscape`": difference.mean(axis=(0, 1)),
        "the same of one draw": difference[DRAWS].mean(axis=0),
        "luminance": automatic.luminance(np.asarray(picture)),
    }


def asked(picture: Image.Image, wanted: str, against: str) -> Plane:
    plane = prompt_maps.where_it_acts(picture, Texts.of(wanted, against, ""))
    assert plane is not None
    return plane


def enlarged(plane: Plane) -> Plane:
    return cv2.resize(plane.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def area_under_curve(plane: Plane, mask: NDArray[np.bool_]) -> float:
    """How often a pixel of the mask has a higher value than one beside it; equal values count half (Mann-Whitney)."""
    _, places, counts = np.unique(plane, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places.reshape(plane.shape)]
    inside, outside = int(mask.sum()), int((~mask).sum())
    return float((ranks[mask].sum() - inside * (inside + 1) / 2) / (inside * outside))


def sheet(host: Host) -> str:
    """Pictures, their maps and the edits that these make, side by side."""
    rows, labels = [], []
    indices = iter(range(PICTURES))
    for word, style in SHOWN:
        layout = next(layout for index in indices if where(layout := landscape(index), word).mean() > 10 * FEWEST)
        picture = paint(layout, None)
        texts = {"auto_prompt": f"landscape, {word}", "auto_against": "landscape"}
        effect = {"source": "auto", **texts, "black": 0.2, "white": 0.7}
        made = host.edit(picture[None], effect, prompt=f"{style}, {word}", seed=1, denoising_strength=1.0)
        plane = enlarged(asked(Image.fromarray(picture), texts["auto_prompt"], texts["auto_against"]))
        rows.append([picture, heat(plane, 0.2, 0.7), made[0]])
        labels.append(["", f"where: {word}", f"{style}, {word}"])
    rows = [[cv2.resize(each, (SHOWN_SIZE, SHOWN_SIZE), interpolation=cv2.INTER_AREA) for each in row] for row in rows]
    pairs = [rows[i] + rows[i + 1] for i in range(0, len(rows), 2)]
    return save_sheet("automatic", pairs, [labels[i] + labels[i + 1] for i in range(0, len(labels), 2)])
