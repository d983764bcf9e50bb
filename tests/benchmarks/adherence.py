"""Adherence: how well the change follows the map, against other ways to get there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle

import cv2
import lpips
import numpy as np
from alternatives import (
    Map,
    Method,
    built_in_soft_inpainting,
    composition,
    five_tiles,
    full_change,
    hard_inpainting,
    masked_noise,
    not_nested,
    ours,
    overriding,
    tiling,
)
from distance import structural
from numpy.typing import NDArray
from paper_maps import MAPS, PAPER
from report import heat, save_sheet, table
from runs import SIZE, STYLE_GUIDANCE, STYLES, EncodedOnce, Host, Pictures, batches, demo_model

from differential_diffusion.adherence import cam, dam
from preview.train.pypi import Unavailable

STEPS = 5
"""Six, twelve and twenty give the product the same figures to 0.01, on 20 pictures."""
BATCH = 10
AIMS = {"gradient": 0.97, "shapes": 0.81, "triangles": 0.93}

HARD = "hard inpainting, best threshold"
OURS = "this extension"
EVERY_PICTURE: dict[str, Method] = {
    OURS: ours,
    "overriding the denoised output (ComfyUI)": overriding,
    "built-in Soft inpainting (AUTOMATIC1111)": built_in_soft_inpainting,
    "not nested (paper, Figure 3)": not_nested,
    "masked noise": masked_noise,
    "five tiles": five_tiles,
}
HUNDREDFOLD: dict[str, Method] = {"tiling": tiling, "composition": composition}

Plane = NDArray[np.float64]
Distance = Callable[[Pictures, Pictures], NDArray[np.float32]]
"""Of each pixel's surroundings, (N, H, W)."""

MIRRORINGS = ((), (1,), (2,), (1, 2))
"""Axes of planes (N, H, W) along which a map is mirrored."""


class Mean:
    """The mean of distance maps (H, W) that come in batches."""

    def __init__(self) -> None:
        self.total: Plane | float = 0.0
        self.count = 0

    def add(self, planes: NDArray[np.float32]) -> None:
        self.total = self.total + planes.sum(axis=0, dtype=np.float64)
        self.count += len(planes)

    def __add__(self, other: Mean) -> Mean:
        both = Mean()
        both.total, both.count = self.total + other.total, self.count + other.count
        return both

    @property
    def plane(self) -> Plane:
        assert isinstance(self.total, np.ndarray)
        return self.total / self.count


Found = dict[tuple[str, str, str], Mean]
"""(prompt, map or "" for the full change, method) -> mean distance map."""


def edit_strength(distance: Mean, full: Mean) -> Plane:
    """E_M (paper, 5.2): the mean distance map of edits with the map M, minus that of the same edits without."""
    return distance.plane - full.plane


def run(quick: bool) -> None:
    """Print the tables of CAM and DAM and save the pictures of E_M."""
    host = Host(EncodedOnce(demo_model(in_half=True)))
    counts = {"": 1, STYLES[0]: 1} if quick else {"": 150} | dict.fromkeys(STYLES, 10)
    hundredfold_counts = {} if quick else {"": 5}
    maps = {name: draw() for name, draw in MAPS.items()}
    distances = available_distances()
    thresholds = best_thresholds(host, maps, distances, 1 if quick else 5)
    methods = {name: EVERY_PICTURE | {HARD: partial(hard_inpainting, threshold=thresholds[name])} for name in maps}
    every = measure(host, maps, methods, distances, counts)
    few = measure(host, maps, dict.fromkeys(maps, HUNDREDFOLD), distances, hundredfold_counts)
    dear = f" (tiling and composition: {hundredfold_counts['']}, without a prompt)" if few else ""
    print(
        f"{sum(counts.values())} pictures, {counts['']} of them without a prompt, the rest with a style prompt and "
        f"guidance {STYLE_GUIDANCE:g}{dear}; strength 1, {STEPS} steps of DPM++ 2M Karras, {SIZE} px, the same noise "
        "for every method. From batch to batch the maps are mirrored (as drawn, upside down, left to right, both), and "
        "what was measured is mirrored back: the demo's landscapes share a layout, sky above, which a thousand "
        "photographs do not. CAM: higher is better; DAM: lower is better. The paper used LPIPS, 1000 photographs and "
        "Stable Diffusion 2.1. Thresholds of hard inpainting, the best of several by CAM: "
        + ", ".join(f"{name} {threshold:.2f}" for name, threshold in thresholds.items())
        + "."
    )
    headings = {"LPIPS": "LPIPS (see lpips.py)", "SSIM": "1 - SSIM at four scales (see distance.py)"}
    for name in distances:
        print(f"\n### {headings[name]}\n")
        show(name, maps, every[name], few.get(name, {}))


def available_distances() -> dict[str, Distance]:
    """The paper's, if its weights can be had, and one that needs none."""
    without_weights: dict[str, Distance] = {"SSIM": structural}
    try:
        return {"LPIPS": lpips.LPIPS(lpips.weights())} | without_weights
    except Unavailable as error:
        print(f"Without LPIPS: {error}\n")
        return without_weights


def show(distance: str, maps: dict[str, Map], every: Found, few: Found) -> None:
    """Print what one distance has measured, over all pictures, and over few where a hundred runs make one."""
    prompts = list(dict.fromkeys(prompt for prompt, _, _ in every))
    strengths = {name: {m: strength(every, name, m, prompts) for m in (*EVERY_PICTURE, HARD)} for name in maps}
    if few:
        for name in maps:
            strengths[name] |= {m: strength(few, name, m, [""]) for m in HUNDREDFOLD}
    rows = [
        [method, *(cell for name in maps for cell in _scores(maps[name], strengths[name][method]))]
        for method in strengths["gradient"]
    ]
    labels = ("Differential Diffusion", "Blended Latent Diffusion", "SD inpainting model")
    for label, published in zip(labels, zip(*PAPER.values())):
        rows.append([f"*paper, LPIPS: {label}*", *(f"*{value:g}*" for pair in published for value in pair)])
    print(table(["method", *(f"{name} {metric}" for name in maps for metric in ("CAM", "DAM"))], rows))
    print("\n" + "; ".join(_verdict(name, maps[name], strengths[name]) for name in maps) + ".")
    print("\nCAM without and with a prompt:\n")
    kinds = {"without": [""], "with": [prompt for prompt in prompts if prompt]}
    rows = [
        [m, *(f"{cam(maps[name], strength(every, name, m, kind)):.3f}" for name in maps for kind in kinds.values())]
        for m in (*EVERY_PICTURE, HARD)
    ]
    print(table(["method", *(f"{name}, {kind}" for name in maps for kind in kinds)], rows))
    print(
        "\nWhat CAM over all prompts is made of. *Levels*: correlation of M with the mean E_M at each level of M, 1 if "
        "the response is a straight line. *Spread*: how much of E_M's deviation lies between levels; the rest is the "
        "pictures' own layout, and that a part is fitted to what surrounds it. CAM is their product. *Of full*: "
        "CAM of the share that the change has of the full change in the same place, which takes the layout out.\n"
    )
    everything = {name: {m: pooled(every, name, m, prompts) for m in (*EVERY_PICTURE, HARD)} for name in maps}
    rows = [
        [m, *(cell for name in maps for cell in _parts(maps[name], *everything[name][m]))]
        for m in (*EVERY_PICTURE, HARD)
    ]
    print(table(["method", *(f"{name} {part}" for name in maps for part in ("levels", "spread", "of full"))], rows))
    near, middle = _near_and_far_from_the_border(maps["shapes"])
    print(
        "\nShare of the full change in the shapes' white circle, within 8 pixels of its border and more than 24 away: ",
        end="",
    )
    shares = {m: distance.plane / full.plane for m, (distance, full) in everything["shapes"].items()}
    print("; ".join(f"{m} {share[near].mean():.2f}, {share[middle].mean():.2f}" for m, share in shares.items()) + ".")
    print("\nE_M of each method, white = changed most:\n")
    print(_sheet(f"adherence-{distance.lower()}", maps, strengths))


def measure(
    host: Host,
    maps: dict[str, Map],
    methods: dict[str, dict[str, Method]],
    distances: dict[str, Distance],
    counts: dict[str, int],
) -> dict[str, Found]:
    """Mean distance maps over `counts[prompt]` pictures for each prompt, by distance."""
    found: dict[str, Found] = {}
    mirrorings = cycle(MIRRORINGS)
    first = 0
    for prompt, count in counts.items():
        for batch in batches(host, (prompt,), count, BATCH, STEPS, first):
            axes = next(mirrorings)
            edits = {("", ""): full_change(batch)} | {
                (name, method): edit(batch, np.ascontiguousarray(np.flip(change_map[None], axes)[0]))
                for name, change_map in maps.items()
                for method, edit in methods[name].items()
            }
            for kind, distance in distances.items():
                means = found.setdefault(kind, defaultdict(Mean))
                for (name, method), pictures in edits.items():
                    means[prompt, name, method].add(np.flip(distance(batch.pictures, pictures), axes))
        first += count
    return found


def best_thresholds(
    host: Host, maps: dict[str, Map], distances: dict[str, Distance], pictures: int
) -> dict[str, float]:
    """The threshold of hard inpainting with the best CAM over a few pictures (mean of all distances), for each map."""
    best = {}
    batch = next(iter(batches(host, ("",), pictures, pictures, STEPS, first=5000)))
    full = full_change(batch)

    def score(change_map: Map, edited: Pictures) -> float:
        cams = []
        for distance in distances.values():
            e_m = distance(batch.pictures, edited).mean(axis=0) - distance(batch.pictures, full).mean(axis=0)
            cams.append(cam(change_map, e_m))
        return float(np.mean(cams))

    for name, change_map in maps.items():
        scores = {
            threshold: score(change_map, hard_inpainting(batch, change_map, threshold))
            for threshold in _thresholds(change_map)
        }
        best[name] = max(scores, key=scores.__getitem__)
    return best


def _thresholds(change_map: Map) -> Sequence[float]:
    """Those that give different masks, or five where every one does."""
    levels = [value for value, pixels in zip(*np.unique(change_map, return_counts=True)) if pixels > 500]
    if len(levels) > 1:
        return [(low + high) / 2 for low, high in zip(levels, levels[1:])]
    return (0.3, 0.4, 0.5, 0.6, 0.7)


def pooled(found: Found, name: str, method: str, prompts: Sequence[str]) -> tuple[Mean, Mean]:
    """Distances with the map and those of the full change, over the pictures of several prompts."""
    distance = sum((found[prompt, name, method] for prompt in prompts), Mean())
    return distance, sum((found[prompt, "", ""] for prompt in prompts), Mean())


def strength(found: Found, name: str, method: str, prompts: Sequence[str]) -> Plane:
    """E_M over the pictures of several prompts."""
    return edit_strength(*pooled(found, name, method, prompts))


def _scores(change_map: Map, plane: Plane) -> tuple[str, str]:
    return f"{cam(change_map, plane):.3f}", f"{dam(change_map, plane):.2f}"


def _parts(change_map: Map, distance: Mean, full: Mean) -> tuple[str, str, str]:
    """See the table's own words. Levels are hundredths of M."""
    plane = edit_strength(distance, full)
    levels, where = np.unique(change_map.round(2), return_inverse=True)
    pixels = np.bincount(where.ravel())
    means = np.bincount(where.ravel(), plane.ravel()) / pixels
    by_level = means[where].reshape(plane.shape)
    spread = by_level.std() / plane.std()
    parts = cam(levels[where].reshape(plane.shape), by_level), spread, cam(change_map, distance.plane / full.plane)
    return tuple(f"{part:.3f}" for part in parts)  # type: ignore[return-value]


def _near_and_far_from_the_border(shapes: Map) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The border and the middle of the one part with M = 1."""
    depth = cv2.distanceTransform((shapes == 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (depth > 0) & (depth <= 8), depth > 24


def _verdict(name: str, change_map: Map, strengths: dict[str, Plane]) -> str:
    scores = {method: cam(change_map, plane) for method, plane in strengths.items()}
    own = scores.pop(OURS)
    second = max(scores, key=scores.__getitem__)
    place = "ahead of" if own > scores[second] else "behind"
    aim = "met" if own >= AIMS[name] else "missed"
    return (
        f"{name}: {place} the best alternative ({second}) by {abs(own - scores[second]):.3f}; aim of {AIMS[name]} {aim}"
    )


def _sheet(file: str, maps: dict[str, Map], strengths: dict[str, dict[str, Plane]]) -> str:
    rows, labels = [], []
    for name, planes in strengths.items():
        pictures = [heat(maps[name], 0, 1), *(heat(plane, *np.percentile(plane, (1, 99))) for plane in planes.values())]
        rows.append([picture[::2, ::2] for picture in pictures])
        labels.append(["map", *(method.strip("*").split(" (")[0].split(",")[0][:19] for method in planes)])
    return save_sheet(file, rows, labels)
