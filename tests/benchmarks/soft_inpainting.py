"""Soft inpainting: how well a new part fits, against other ways to blend it in."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple
from unittest import mock

import cv2
import numpy as np
from alternatives import (
    Map,
    alpha_composited,
    built_in_soft_inpainting,
    laplacian_blended,
    poisson_blended,
)
from numpy.typing import NDArray
from report import save_sheet, table
from runs import SIZE, Batch, EncodedOnce, Host, Pictures, demo_model, grey, held_out_day

from differential_diffusion.change_map import SOFTNESS_REACH, soften
from differential_diffusion.host.lost_texture import LostTexture

Mask = NDArray[np.bool_]

SOFTNESSES = (4, 8, 16)
"""Standard deviations in pixels: half a latent cell, one and two."""
STRENGTH = 0.9
SHOWN = 3
"""Pictures in the strip."""
STEPS = 12
PROMPTS = ("trees", "winter", "house", "autumn", "lake", "desert", "mountain", "fire")
BEYOND = 4
"""From the end of the soft zone to the lines whose steps are the picture's own, in pixels: a step across the end itself
is one of the seams that are looked for."""
OURS = "this extension"
WITHOUT_TEXTURE = f"{OURS}, no texture given back"


class Fit(NamedTuple):
    """How one picture came out.

    Attributes:
        seam: mean step from pixel to pixel across the mask's border, over the picture's own: the mean of those across
            two lines beyond the soft zone, inside and outside of it. 1 = no seam.
        largest: the same for the line in the soft zone where the step is largest: a blend that moves its seam does not
            get rid of it.
        border: mean step across the line three standard deviations outside, from where on nothing changes any more,
            over the input's own. 1 = no seam.
        core: mean difference to the input in the mask's core, over that of hard inpainting.
        outside: mean difference to the input beyond the soft zone, in levels of 255.
    """

    seam: float
    largest: float
    border: float
    core: float
    outside: float


def run(quick: bool) -> None:
    """Print the table and save a strip of pictures."""
    host = Host(EncodedOnce(demo_model(in_half=True)))
    count, softnesses = (1, SOFTNESSES[1:2]) if quick else (40, SOFTNESSES)
    found: dict[tuple[float, str], list[Fit]] = defaultdict(list)
    rows, labels = [], []
    for index in range(count):
        batch = Batch(host, held_out_day(index), PROMPTS[index % len(PROMPTS)], index, STEPS)
        mask = random_mask(index)
        hard = inpainted(batch, mask, {"keep_exact": False}, softness=0)
        unsoftened = inpainted(batch, mask, None)
        for softness in softnesses:
            soft_mask = soften(mask.astype(np.float32), softness)
            results = {"no softening": unsoftened} | blends(batch, mask, soft_mask, softness, hard)
            for name, result in results.items():
                found[softness, name].append(fit(batch.pictures, hard, result, mask, softness))
            if index < SHOWN and softness == SOFTNESSES[1]:
                masked = np.where(mask[..., None], batch.pictures[0], batch.pictures[0] // 3)
                shown = {name: result[0] for name, result in results.items() if name != WITHOUT_TEXTURE}
                rows.append([masked, *shown.values()])
                labels.append([f'mask, "{batch.prompt}"', *shown])
    print(
        f"{count} pictures and masks, strength {STRENGTH}, {STEPS} steps of DPM++ 2M Karras, {SIZE} px, the same noise "
        "for every way; compositing, Poisson and Laplacian blend the result of hard inpainting. *Seam*: mean step from "
        f"pixel to pixel across the mask's border, over that across lines {BEYOND} px beyond the soft zone, inside and "
        "outside of it (1 = no seam). *Largest*: the same for the line in the soft zone where it is largest. *Border*: "
        "mean step across the line three standard deviations outside, over the input's own (1 = no seam). *Core*: mean "
        "difference to the input more than three standard deviations inside the mask, over hard inpainting's. "
        "*Outside*: mean difference to the input more than three standard deviations outside, of 255.\n"
    )
    fits = [
        [f"{softness} px", name, *(f"{value:.2f}" for value in np.mean(values, axis=0))]
        for (softness, name), values in found.items()
    ]
    print(table(["softness", "way", *Fit._fields], fits))
    print(f"\n{save_sheet('soft-inpainting', rows, labels)}")


def inpainted(batch: Batch, mask: Mask, effect: dict | None, softness: float = 0) -> Pictures:
    """The product's soft inpainting with the host's mask; the host's own, unblurred, without `effect`."""
    settings = None if effect is None else {"source": "mask", "softness": softness, **effect}
    return batch.edit(
        settings,
        mask=grey(mask.astype(np.float32)),
        mask_blur=0,
        inpaint_full_res=False,
        inpainting_fill=1,
        denoising_strength=STRENGTH,
    )


def blends(batch: Batch, mask: Mask, soft_mask: Map, softness: float, hard: Pictures) -> dict[str, Pictures]:
    """The picture by every way of softening. `hard`: hard inpainting before anything is laid over it."""
    before = batch.pictures
    return {
        "alpha compositing": alpha_composited(before, hard, soft_mask),
        "Poisson": poisson_blended(before, hard, mask),
        "Laplacian pyramid": laplacian_blended(before, hard, mask, softness),
        "built-in Soft inpainting": built_in_soft_inpainting(batch, soft_mask, STRENGTH),
        WITHOUT_TEXTURE: _without_texture(batch, mask, softness),
        OURS: inpainted(batch, mask, {}, softness),
    }


def _without_texture(batch: Batch, mask: Mask, softness: float) -> Pictures:
    with mock.patch.object(LostTexture, "give_back"):
        return inpainted(batch, mask, {}, softness)


def random_mask(seed: int) -> Mask:
    """An ellipse with a wavy border: with a core, and with an outside, at the largest softness."""
    rng = np.random.default_rng([2306, seed])
    centre = rng.uniform(0.42, 0.58, 2) * SIZE
    radii = rng.uniform(0.29, 0.34, 2) * SIZE
    y, x = np.mgrid[:SIZE, :SIZE]
    angle = np.arctan2(y - centre[1], x - centre[0])
    waves = sum(rng.uniform(0, 0.08) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5))
    return np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1]) < 1 + waves


def fit(before: Pictures, hard: Pictures, after: Pictures, mask: Mask, softness: int) -> Fit:
    """See `Fit`. `before`, `hard`, `after`: one picture each, (1, H, W, 3)."""
    outwards, inwards = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (~mask, mask))
    signed = inwards - outwards
    reach = SOFTNESS_REACH * softness
    core, far = signed > reach, signed < -reach
    across, before_across = _steps(after), _steps(before)
    steps = {line: _mean_across(across, signed > line) for line in range(-reach, reach + 1, 2)}
    own = np.mean([_mean_across(across, signed > line) for line in (-reach - BEYOND, reach + BEYOND)])
    border = steps[-reach] / _mean_across(before_across, signed > -reach)
    kept, full = (np.abs(picture.astype(float) - before)[0].mean(axis=-1) for picture in (after, hard))
    return Fit(
        steps[0] / own, max(steps.values()) / own, border, kept[core].mean() / full[core].mean(), kept[far].mean()
    )


def _steps(picture: Pictures) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Absolute differences of neighbours along x (H, W - 1) and along y (H - 1, W)."""
    values = picture[0].astype(np.float32)
    return np.abs(np.diff(values, axis=1)).mean(axis=-1), np.abs(np.diff(values, axis=0)).mean(axis=-1)


def _mean_across(steps: tuple[NDArray[np.float32], NDArray[np.float32]], side: Mask) -> float:
    """Mean step between neighbours that lie on different sides."""
    along_x, along_y = steps
    crossed = along_x[side[:, 1:] != side[:, :-1]], along_y[side[1:] != side[:-1]]
    return float(np.concatenate(crossed).mean())
