"""Sheets of pictures to look at: samples, strengths, change maps and a strength fan."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from preview.train.canvas import Canvas
from preview.train.captions import STYLES
from preview.train.evaluate import GUIDANCE, Model, Pictures
from preview.train.landscape import Layout
from preview.train.render import SIZE, Photographs, paint

PREVIEW = Path(__file__).resolve().parents[1]
SAMPLE_SEEDS = range(4)
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
STRENGTH_WORDS = ("night", "winter", "autumn", "fire", "candy", "sketch", "neon", "blueprint")
MARGIN = 4
LABEL = 18
PAPER, INK = 232, (40, 40, 40)

DAY = paint(Layout(seed=20, horizon=0.48, contents=("mountain", "lake", "trees", "house", "clouds")), None)


def write(model_folder: Path, images: Path, photographs: Photographs) -> None:
    """Draw all sheets as `images`/model-*.png, with some of the held out photographs."""
    images.mkdir(parents=True, exist_ok=True)
    model = Model(model_folder)
    for name, sheet in (
        ("samples", samples(model)),
        ("strengths", strengths(model)),
        ("maps", maps(model_folder, photographs)),
        ("fan", fan(model_folder)),
    ):
        Image.fromarray(sheet).save(images / f"model-{name}.png", optimize=True)


def samples(model: Model) -> Pictures:
    """Each style word with a house and trees, a few seeds, two words beside each other."""
    rows = []
    for style in STYLES:
        drawn = model.draw([f"house and trees, {style}"] * len(SAMPLE_SEEDS), list(SAMPLE_SEEDS))
        rows.append(_row([_scaled(picture, 112) for picture in drawn], [style]))
    return _stacked([np.concatenate(rows[index : index + 2], 1) for index in range(0, len(rows), 2)])


def strengths(model: Model) -> Pictures:
    """One made day, edited with several words at rising strengths."""
    rows = []
    for word in STRENGTH_WORDS:
        edited = [model.edit(DAY[None], [word], strength, [1])[0] for strength in STRENGTHS]
        labels = [f"{word}:", *(f"strength {strength}" for strength in STRENGTHS)]
        rows.append(_row([_scaled(picture, 160) for picture in (DAY, *edited)], labels))
    return _stacked(rows)


def maps(model_folder: Path, photographs: Photographs) -> Pictures:
    """Picture, change map and edit for a ramp, a circle and two halves of different strength."""
    canvas = Canvas.empty(SIZE, SIZE)
    x, _ = canvas.grid()
    ramp = x / canvas.aspect
    circle = canvas.disc((0.5, 0.5), 0.3, softness=0.15)
    halves = np.where(x < 0.5, 0.4, 1.0)
    town = _fitted(photographs["china"], SIZE)
    cases = (
        ("night, ramp", DAY, ramp, "night"),
        ("winter, circle", DAY, circle, "winter, snow"),
        ("fire, 0.4 and 1.0", DAY, halves, "fire"),
        ("autumn, ramp, photograph", town, ramp, "autumn"),
    )
    return _stacked([_edit_row(model_folder, *case) for case in cases])


def fan(model_folder: Path) -> Pictures:
    """One edit whose columns have rising strengths."""
    map_ = np.broadcast_to(np.repeat(np.linspace(0.2, 1.0, 5), 80), (SIZE, 400))
    layout = Layout(seed=20, horizon=0.48, contents=("mountain", "trees", "clouds"))
    return _edit_row(
        model_folder, "sunset, fan of 0.2, 0.4, 0.6, 0.8, 1.0", paint(layout, None, SIZE, 400), map_, "sunset"
    )


def _edit_row(model_folder: Path, label: str, picture: Pictures, map_: np.ndarray, prompt: str) -> Pictures:
    grey = np.round(cv2.resize(np.float32(map_), picture.shape[1::-1]) * 255).astype(np.uint8)
    edited = _edit(model_folder, picture, grey, prompt)
    return _row([picture, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), edited], [label, "change map", "edited"])


def _edit(model_folder: Path, picture: Pictures, grey: Pictures, prompt: str) -> Pictures:
    """What `python preview edit` makes of a picture and a change map at full strength."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("picture.png", "map.png", "edited.png")]
        Image.fromarray(picture).save(paths[0])
        Image.fromarray(grey).save(paths[1])
        command = [sys.executable, PREVIEW, "edit", paths[0], paths[1], "--prompt", prompt, "--out", paths[2]]
        command += ["--model", model_folder, "--cfg-scale", GUIDANCE, "--strength", 1, "--seed", 1]
        subprocess.run([str(part) for part in command], check=True)
        return np.asarray(Image.open(paths[2]).convert("RGB"))


def _fitted(picture: Pictures, height: int) -> Pictures:
    """Scaled to a height, its width a multiple of 8."""
    width = round(picture.shape[1] * height / picture.shape[0] / 8) * 8
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.LANCZOS))


def _scaled(picture: Pictures, height: int) -> Pictures:
    return cv2.resize(picture, (height * picture.shape[1] // picture.shape[0], height), interpolation=cv2.INTER_AREA)


def _row(pictures: list[Pictures], labels: list[str]) -> Pictures:
    """Pictures of one height beside each other, the labels above the first ones."""
    framed = [cv2.copyMakeBorder(p, LABEL, 0, 0, MARGIN, cv2.BORDER_CONSTANT, value=[PAPER] * 3) for p in pictures]
    for picture, label in zip(framed, labels):
        cv2.putText(picture, label, (2, LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return np.concatenate(framed, 1)


def _stacked(rows: list[Pictures]) -> Pictures:
    """Rows above each other, the narrower ones filled up with paper."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [
            cv2.copyMakeBorder(row, 0, MARGIN, 0, width - row.shape[1], cv2.BORDER_CONSTANT, value=[PAPER] * 3)
            for row in rows
        ]
    )
