"""Response: how much a picture changes at each strength."""

from __future__ import annotations

import numpy as np
from distance import structural
from matplotlib.figure import Figure
from report import link, path_of, table
from runs import EncodedOnce, Host, batches, demo_model

PROMPTS = ("", "night", "winter", "mosaic", "autumn", "fire")
STEPS = 20


def run(quick: bool) -> None:
    """Print the mean change at each strength and save its curve."""
    host = Host(EncodedOnce(demo_model(in_half=True)))
    strengths = np.linspace(0, 1, 5 if quick else 11)
    prompts, pictures = (PROMPTS[:2], 1) if quick else (PROMPTS, 4)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    rows = []
    for batch in batches(host, prompts, pictures, pictures, STEPS, first=2000):
        changes = [structural(batch.pictures, batch.edit(denoising_strength=float(s))).mean() for s in strengths]
        reached = (np.array(changes) - changes[0]) / (changes[-1] - changes[0])
        label = batch.prompt or "no prompt"
        axes.plot(strengths, reached, marker=".", label=label)
        half = float(np.interp(0.5, reached, strengths))
        rows.append([label, *(f"{value:.2f}" for value in reached), f"{half:.2f}"])
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="strength", ylabel="share of the full change")
    axes.legend()
    figure.savefig(path_of("response"), dpi=110)
    print(
        f"Mean change (see distance.py) of {pictures} pictures for each prompt, between that of strength 0, which is "
        f"the autoencoder's, and that of strength 1; {STEPS} steps of DPM++ 2M. *Half*: the strength at which half of "
        "the full change is reached.\n"
    )
    print(table(["prompt", *(f"{s:.2g}" for s in strengths), "half"], rows))
    print(f"\n{link('response')}")
