"""Texture: what weakly changed parts keep of their detail."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import lpips
import numpy as np
import torch
from distance import structural
from numpy.typing import NDArray
from paper_maps import gradient
from photographs import photographs
from PIL import Image
from report import save_sheet, table
from runs import SIZE, EncodedOnce, Host, Pictures, as_setting, demo_model, held_out

from differential_diffusion.adherence import cam, dam
from differential_diffusion.host.lost_texture import LostTexture
from modules.processing import decode_latent_batch

STEPS = 20
PROMPT = "autumn"
SEED = 5
RUNS = tuple((strength, sampler) for strength in (0.75, 1.0) for sampler in ("Euler", "DPM++ 2M"))
SHARES = {"1 %": (0.005, 0.015), "2 %": (0.015, 0.03), "5 %": (0.035, 0.065), "10 %": (0.08, 0.12)}
AIMS = {"1 %": 0.9, "2 %": 0.9, "5 %": 0.8, "10 %": 0.7}
BANDS = ((0, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.7), (0.7, 1.01))
WEAK = (0.01, 0.2)
MOVING_PROMPTS = ("mosaic", "mountain and lake, night")
"""Prompts that move edges."""
GHOST_STRENGTHS = (0.1, 0.2, 0.3, 0.4, 1.0)
GHOST_WINDOW = 6.0
"""Standard deviation in pixels of the window in which the correlation of slopes is taken."""
MOVED, STOOD, FAINT = 0.25, 0.5, 2.0
"""An edge has moved where the raw result's slopes correlate with those of the input after the autoencoder by less than
the first, and the autoencoder itself keeps them by more than the second; slopes fainter than the third, in levels per
pixel, are none."""
CROP, ENLARGED = 64, 4
COST_SIDES = (256, 512, 1024)

RAW, OURS = "autoencoder only", "**texture given back**"
Plane = NDArray[np.floating]


def run(quick: bool) -> None:
    """Print the tables and save crops at 400 %."""
    host = Host(EncodedOnce(demo_model()))
    photos = photographs()
    pictures = np.concatenate([photos[:2], held_out(0, 2)] if quick else [photos, held_out(0, 10)])
    ramp = gradient()
    distances = {"LPIPS": lpips.LPIPS(lpips.weights()), "SSIM": structural}
    rows: list[list[str]] = []
    adherence: list[list[str]] = []
    sharpest = 0.0
    for strength, sampler in RUNS[3:] if quick else RUNS:
        options = {"denoising_strength": strength, "sampler_name": sampler, "prompt": PROMPT}
        raw, ours = edited(host, pictures, ramp, **options)
        sharpest = max(sharpest, overshoot(pictures, raw, ours, ramp))
        for name, result in ((RAW, raw), (OURS, ours)):
            at = [f"{sharpness(pictures, result, ramp, *band):.2f}" for band in SHARES.values()]
            changes = {kind: distance(pictures, result) for kind, distance in distances.items()}
            near = changes["LPIPS"][:, within(ramp, *WEAK)].mean()
            rows.append([f"{sampler}, {strength:g}", name, *at, f"{near:.3f}"])
            scores = [f"{score(ramp, change.mean(axis=0)):.2f}" for change in changes.values() for score in (cam, dam)]
            adherence.append([f"{sampler}, {strength:g}", name, *scores])
    print(
        f"{len(pictures)} pictures, {len(photos[:2]) if quick else len(photos)} of them photographs; a ramp from black "
        f'to white over {SIZE} px, "{PROMPT}", {STEPS} steps. Sharpness: mean absolute step from pixel to pixel over '
        f"the input's, where the map asks for 1, 2, 5 and 10 % (aims: {', '.join(f'{a:g}' for a in AIMS.values())}). "
        f"LPIPS to the input where it asks for {WEAK[0]:.0%} to {WEAK[1]:.0%}. In no band of the map was a picture "
        f"sharper than the sharper of input and raw result by more than a factor of {sharpest:.2f}.\n"
    )
    print(table(["", "", *SHARES, "LPIPS"], rows))
    print("\nHow well the whole ramp is followed (CAM: 1, DAM: 0 is perfect), over all pictures:\n")
    print(table(["", "", "CAM, LPIPS", "DAM, LPIPS", "CAM, SSIM", "DAM, SSIM"], adherence))
    print_ghosts(host, photos if quick else np.concatenate([photos, held_out(0, 15)]), ramp)
    options = {"denoising_strength": 0.75, "sampler_name": "DPM++ 2M", "prompt": PROMPT}
    raw, ours = edited(host, photos[:3], ramp, **options)
    crops = [[enlarged(picture) for picture in row] for row in zip(photos, raw, ours)]
    labels = [["input", "autoencoder only", "texture given back"]] * len(crops)
    print_cost(host, COST_SIDES[:2] if quick else COST_SIDES)
    print(f"\nThe map asks for 0 to 25 %, at {ENLARGED}00 %:\n\n{save_sheet('texture', crops, labels)}")


def edited(host: Host, pictures: Pictures, plane: Plane, **options: object) -> tuple[Pictures, Pictures]:
    """(the raw result, the result with its texture) of the same runs."""
    effect = {"map": as_setting(plane)}
    options = {"steps": STEPS, "seed": SEED, **options}
    raw = host.edit(pictures, effect | {"keep_exact": False}, **options)
    return raw, host.edit(pictures, effect, **options)


def print_ghosts(host: Host, pictures: Pictures, ramp: Plane) -> None:
    """Print how much more of the input's edges is seen where edges moved."""
    unchanged = host.edit(pictures, {"map": as_setting(np.zeros_like(ramp)), "keep_exact": False})
    kept = list(slope_correlation(pictures, unchanged))
    strengths = np.repeat(np.repeat(cv2.resize(ramp, (SIZE // 8,) * 2, interpolation=cv2.INTER_AREA), 8, 0), 8, 1)
    rows = []
    for prompt in MOVING_PROMPTS:
        raw, ours = edited(host, pictures, ramp, denoising_strength=1.0, sampler_name="DPM++ 2M", prompt=prompt)
        rise = np.stack(list(slope_correlation(pictures, ours))) - np.stack(list(slope_correlation(pictures, raw)))
        strong = np.stack([cv2.GaussianBlur(slope, (0, 0), GHOST_WINDOW) > FAINT for slope in map(slopes, pictures)])
        moved = (np.stack(list(slope_correlation(unchanged, raw))) < MOVED) & (np.stack(kept) > STOOD) & strong
        cells = [f"{rise[moved].mean():+.3f}"]
        for low, high in zip(GHOST_STRENGTHS, GHOST_STRENGTHS[1:]):
            here = moved & within(strengths, low, high)
            cells.append(f"{rise[here].mean():+.3f} ({here.sum() / within(strengths, low, high).sum() / len(raw):.0%})")
        rows.append([f'"{prompt}"', *cells])
    headings = [f"{low:g} to {high:g}" for low, high in zip(GHOST_STRENGTHS, GHOST_STRENGTHS[1:])]
    print(
        f"\nGhosts: {len(rows) * len(pictures)} runs at strength 1 with prompts that move edges. Where they moved (raw "
        f"slopes correlate with those of the input after the autoencoder by less than {MOVED:g}, in windows of "
        f"{GHOST_WINDOW:g} px): how much more the slopes correlate with the input's own; by strength, and what "
        "share of the pixels of that strength it is.\n"
    )
    print(table(["prompt", "all that moved", *headings], rows))


@torch.inference_mode()
def print_cost(host: Host, sides: Sequence[int]) -> None:
    """Print what giving back takes, against the decoding of one picture that every run has."""
    rows = []
    for side in sides:
        picture = Image.fromarray(np.tile(held_out(0, 1)[0], (side // SIZE, side // SIZE, 1)))
        latents = host.model.encode_first_stage(torch.from_numpy(np.array(picture)).movedim(-1, 0)[None] / 127.5 - 1)
        strength = np.full((1, *latents.shape[-2:]), 0.1)
        results = ((torch.stack(decode_latent_batch(host.model, latents)) + 1) / 2).clamp(0, 1)
        decoding = measured(decode_latent_batch, host.model, latents)
        lost = LostTexture(host.model, [picture], latents, strength)
        first, further = (measured(lost.give_back, results) for _ in range(2))
        costs = [f"{ms:.0f} ms, {mb:.0f} MB" for ms, mb in (decoding, first, further)]
        rows.append([f"{side} x {side}", *costs, f"{first[0] / decoding[0]:.2f}"])
    print(
        "\nCost: time, and memory at the peak beyond what was in use before. Memory that is kept for the pictures to "
        "come is in the first figure only.\n"
    )
    print(table(["picture", "decoding it", "giving back, first picture", "further pictures", "first / decoding"], rows))


def measured(work: Callable[..., object], *arguments: object) -> tuple[float, float]:
    """Milliseconds, and megabytes at the peak; not a number where the system does not tell."""
    before = memory("VmRSS", forget_peak=True)
    start = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - start) * 1000, memory("VmHWM") - before


def memory(kind: str, forget_peak: bool = False) -> float:
    status, peak = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        return float("nan")
    if forget_peak:
        peak.write_text("5")
    found = re.search(rf"{kind}:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1000 if found else float("nan")


def within(ramp: Plane, low: float, high: float) -> NDArray[np.bool_]:
    return (ramp >= low) & (ramp < high)


def steps(pictures: Pictures) -> Plane:
    """Absolute steps to the right and down, (N, H, W)."""
    grey = pictures.mean(axis=3)
    return np.abs(np.diff(grey, axis=2, append=grey[:, :, -1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))


def sharpness(pictures: Pictures, results: Pictures, ramp: Plane, low: float, high: float) -> float:
    where = within(ramp, low, high)
    return float(steps(results)[:, where].sum() / steps(pictures)[:, where].sum())


def overshoot(pictures: Pictures, raw: Pictures, ours: Pictures, ramp: Plane) -> float:
    """The largest sharpness of a band over that of the sharper of input and raw result."""
    return max(sharpness(pictures, ours, ramp, *band) / max(1, sharpness(pictures, raw, ramp, *band)) for band in BANDS)


def slopes(picture: NDArray[np.uint8]) -> Plane:
    grey = picture.mean(axis=2).astype(np.float32)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8


def slope_correlation(ones: Pictures, others: Pictures) -> Iterator[Plane]:
    """Local correlation of two pictures' slopes, (H, W) each."""
    for one, other in zip(map(slopes, ones), map(slopes, others)):
        mean_one, mean_other = mean(one), mean(other)
        variances = [np.maximum(mean(s * s) - m * m, 0.3) for s, m in ((one, mean_one), (other, mean_other))]
        yield (mean(one * other) - mean_one * mean_other) / np.sqrt(variances[0] * variances[1])


def mean(plane: Plane) -> Plane:
    return cv2.GaussianBlur(plane, (0, 0), GHOST_WINDOW)


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top = (SIZE - CROP) // 2
    return np.kron(picture[top : top + CROP, :CROP], np.ones((ENLARGED, ENLARGED, 1), np.uint8))
