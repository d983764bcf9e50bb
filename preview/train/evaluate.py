"""Measure a model: does it say what it is asked for, and how do prompt and strength act on a picture?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr
from tqdm import tqdm

from preview.train.autoencoder import as_input, psnr
from preview.train.captions import OBJECTS, STYLES
from preview.train.classifier import CLASSES, Classifier
from preview.train.landscape import random_layout
from preview.train.lpips import Lpips
from preview.train.render import HELD_OUT, SIZE, Photographs, paint, training_picture

Pictures = NDArray[np.uint8]

STEPS = 20
GUIDANCE = 3.0
STRENGTHS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)
PHOTOGRAPH_STYLES = ("mosaic", "sketch", "watercolor", "neon", "night")
PHOTOGRAPH_STRENGTHS = (0.3, 0.5, 0.75, 1.0)


class Model:
    """A pipeline folder, for whole batches of pictures with one seed each."""

    def __init__(self, folder: Path):
        self._text_to_image = StableDiffusionPipeline.from_pretrained(
            folder, safety_checker=None, requires_safety_checker=False
        )
        self._image_to_image = StableDiffusionImg2ImgPipeline(
            **self._text_to_image.components, requires_safety_checker=False
        )
        for pipeline in (self._text_to_image, self._image_to_image):
            pipeline.set_progress_bar_config(disable=True)

    @property
    def autoencoder(self) -> AutoencoderKL:
        return self._text_to_image.vae

    def draw(self, prompts: list[str], seeds: list[int], height: int = SIZE, width: int = SIZE) -> Pictures:
        """One picture for each prompt and seed."""
        with _fast():
            drawn = self._text_to_image(
                prompts, height=height, width=width, generator=_generators(seeds), **_COMMON
            ).images
        return _as_bytes(drawn)

    def edit(self, pictures: Pictures, prompts: list[str], strength: float, seeds: list[int]) -> Pictures:
        """One edited picture for each picture, prompt and seed."""
        inputs = torch.from_numpy(pictures).movedim(-1, 1).float() / 255
        with _fast():
            edited = self._image_to_image(
                prompts, image=inputs, strength=strength, generator=_generators(seeds), **_COMMON
            ).images
        return _as_bytes(edited)


def _fast() -> torch.autocast:
    """bfloat16 where the processor has it: twice as fast, and no figure depends on the last bits."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())


_COMMON = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "output_type": "np"}


def _generators(seeds: list[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _as_bytes(pictures: NDArray[np.floating]) -> Pictures:
    return np.round(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True)
class Effort:
    """How much to measure; the defaults are the published figures' ones."""

    seeds: int = 20
    """Pictures for each style word and each object caption."""
    edit_seeds: int = 3
    """Edits for each style word and strength."""
    held_out: int = 100
    """Made pictures for the autoencoder."""


@dataclass(frozen=True)
class Measure:
    """What pictures are measured with; nothing of it has seen the model or been seen by it."""

    classifier: Classifier
    distance: Lpips
    photographs: Photographs
    """The held out ones."""


def figures(folder: Path, measure: Measure, effort: Effort, parts: list[str]) -> Iterator[tuple[str, object]]:
    """Measure the named PARTS of a model folder one after the other: plain numbers and dictionaries of them."""
    model = Model(folder)
    for part in parts:
        yield part, PARTS[part](model, measure, effort)


def judge_accuracy(classifier: Classifier, count: int) -> dict[str, float]:
    """How often the judge itself is right about held-out made pictures."""
    pictures, samples = zip(*(training_picture(HELD_OUT + index) for index in range(count)))
    verdict = classifier.judge(np.stack(pictures))
    right = np.mean([CLASSES[row.argmax()] == sample.style for row, sample in zip(verdict.styles, samples)])
    shown = np.array([[thing in sample.objects for thing in OBJECTS] for sample in samples])
    return {"style": float(right), "object": float(np.mean((verdict.objects > 0.5) == shown))}


def autoencoder_fidelity(autoencoder: AutoencoderKL, measure: Measure, count: int) -> dict[str, object]:
    """What the autoencoder makes of held-out made pictures, and of each photograph at 256 and 512 pixels: mean PSNR in
    dB and LPIPS, and the mean gradient of luma over that of the originals."""
    made = {"made": [training_picture(HELD_OUT + index)[0] for index in range(count)]}
    for side in (256, 512):
        squares = {name: square(picture, side) for name, picture in measure.photographs.items()}
        made[f"photographs at {side}"] = list(squares.values())
        made |= {f"{name} at {side}": [picture] for name, picture in squares.items()}
    return {name: _fidelity(autoencoder, measure.distance, pictures) for name, pictures in made.items()}


@torch.no_grad()
def _fidelity(autoencoder: AutoencoderKL, distance: Lpips, pictures: Iterable[Pictures]) -> dict[str, float]:
    rows = []
    for picture in pictures:
        batch = as_input(torch.from_numpy(picture[None]))
        decoded = autoencoder.decode(autoencoder.encode(batch).latent_dist.mean).sample.clamp(-1, 1)
        seen = _as_bytes(decoded[0].movedim(0, -1).numpy() / 2 + 0.5)
        fidelity = psnr(batch, decoded).item(), distance(batch, decoded).item()
        rows.append((*fidelity, sharpness(seen) / sharpness(picture)))
    return dict(zip(("dB", "LPIPS", "sharpness"), np.mean(rows, 0).round(4).tolist()))


def sharpness(pictures: Pictures) -> float:
    """Mean absolute step of luma from pixel to pixel, in levels of 255, of one picture or several."""
    luma = pictures.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    return float(sum(np.abs(np.diff(luma, axis=axis)).mean() for axis in (-1, -2)) / 2)


def square(picture: Pictures, side: int) -> Pictures:
    """The middle square, scaled."""
    short = min(picture.shape[:2])
    top, left = ((length - short) // 2 for length in picture.shape[:2])
    middle = Image.fromarray(picture[top : top + short, left : left + short])
    return np.asarray(middle.resize((side, side), Image.LANCZOS))


def photograph_edits(model: Model, measure: Measure) -> dict[str, dict[str, float]]:
    """Held out photographs in PHOTOGRAPH_STYLES: how far the layout is kept, and how often the judge names the style.
    A map's part of some strength is a plain edit at that strength."""
    squares = np.stack([square(picture, SIZE) for picture in measure.photographs.values()])
    seeds = list(range(len(squares)))
    response = {}
    for strength in tqdm(PHOTOGRAPH_STRENGTHS, desc="photographs", mininterval=15):
        kept, named = [], []
        for style in PHOTOGRAPH_STYLES:
            edited = model.edit(squares, [STYLES[style].phrases[0]] * len(squares), strength, seeds)
            kept.append(layout_correlation(squares, edited))
            named.append(np.mean(_named(measure.classifier, edited) == style))
        response[str(strength)] = {"layout kept": float(np.mean(kept)), "style named": float(np.mean(named))}
    return response


def _named(classifier: Classifier, pictures: Pictures) -> NDArray[np.str_]:
    """The style that the judge sees in each picture; "None" for none."""
    return np.array([str(CLASSES[row.argmax()]) for row in classifier.judge(pictures).styles])


def style_accuracy(model: Model, classifier: Classifier, seeds: int) -> dict[str, object]:
    """Share of the pictures drawn from each style word alone in which the judge names that word, and how far apart
    the pictures of different seeds are, compared with made pictures of the same style."""
    accuracy, spread, sharp = {}, {}, {}
    for style in tqdm(STYLES, desc="styles", mininterval=15):
        drawn = model.draw([STYLES[style].phrases[0]] * seeds, list(range(seeds)))
        accuracy[style] = float(np.mean(_named(classifier, drawn) == style))
        layouts = (random_layout(np.random.default_rng([HELD_OUT, index])) for index in range(seeds))
        made = np.stack([paint(layout, style) for layout in layouts])
        spread[style] = _mean_distance(drawn) / _mean_distance(made)
        sharp[style] = sharpness(drawn) / sharpness(made)
    return {
        "accuracy": float(np.mean(list(accuracy.values()))),
        "accuracy by style": accuracy,
        "distance between seeds, relative to made pictures": float(np.mean(list(spread.values()))),
        "distance by style": spread,
        "sharpness, relative to made pictures": float(np.mean(list(sharp.values()))),
        "sharpness by style": sharp,
    }


def _mean_distance(pictures: Pictures) -> float:
    """Mean over all pairs of the root mean square difference at 64 x 64 pixels."""
    small = np.stack([cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA) for picture in pictures]) / 255.0
    pairs = np.triu_indices(len(small), 1)
    return float(np.sqrt(np.square(small[pairs[0]] - small[pairs[1]]).mean((1, 2, 3))).mean())


def object_detection(model: Model, classifier: Classifier, seeds: int) -> dict[str, dict[str, float]]:
    """Share of pictures in which the judge sees an object, when the caption names it and when it names another."""
    verdicts = {
        thing: classifier.judge(model.draw([f"{thing}, sunny day"] * seeds, list(range(seeds))))
        for thing in tqdm(OBJECTS, desc="objects", mininterval=15)
    }
    detection = {}
    for thing in OBJECTS:
        others = np.concatenate([verdicts[other].object_score(thing) for other in OBJECTS if other != thing])
        detection[thing] = {
            "named": float(np.mean(verdicts[thing].object_score(thing) > 0.5)),
            "not named": float(np.mean(others > 0.5)),
        }
    return detection


def day_landscapes(count: int) -> Pictures:
    """Held-out plain days."""
    layouts = (random_layout(np.random.default_rng([HELD_OUT, 1, index])) for index in range(count))
    return np.stack([paint(layout, None) for layout in layouts])


def strength_response(model: Model, classifier: Classifier, seeds: int) -> dict[str, object]:
    """How the score of each style word, and the layout, follow the strength of an edit of held-out plain days."""
    days = day_landscapes(seeds)
    scores = {style: [] for style in STYLES}
    layout_kept = {strength: [] for strength in STRENGTHS}
    for style in tqdm(STYLES, desc="strengths", mininterval=15):
        for strength in STRENGTHS:
            edited = model.edit(days, [STYLES[style].phrases[0]] * seeds, strength, list(range(seeds)))
            scores[style].append(float(classifier.judge(edited).style_score(style).mean()))
            layout_kept[strength].append(layout_correlation(days, edited))
    correlation = {style: float(spearmanr(STRENGTHS, row).statistic) for style, row in scores.items()}
    at_three_quarters = STRENGTHS.index(0.75)
    return {
        "score by strength": {style: dict(zip(STRENGTHS, row)) for style, row in scores.items()},
        "Spearman by style": correlation,
        "styles with Spearman of at least 0.9": sum(value >= 0.9 for value in correlation.values()),
        "styles above one half by strength 0.75": sum(
            max(row[: at_three_quarters + 1]) > 0.5 for row in scores.values()
        ),
        "layout correlation": {strength: float(np.mean(values)) for strength, values in layout_kept.items()},
    }


def layout_correlation(before: Pictures, after: Pictures) -> float:
    """Mean correlation of the luma of N pictures with that of N others, at 16 x 16 cells."""

    def cells(picture: Pictures) -> NDArray[np.floating]:
        luma = picture.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
        return cv2.resize(luma, (16, 16), interpolation=cv2.INTER_AREA).ravel()

    return float(np.mean([np.corrcoef(cells(a), cells(b))[0, 1] for a, b in zip(before, after)]))


PARTS: dict[str, Callable[[Model, Measure, Effort], object]] = {
    "judge": lambda model, measure, effort: judge_accuracy(measure.classifier, 4 * effort.held_out),
    "autoencoder": lambda model, measure, effort: autoencoder_fidelity(model.autoencoder, measure, effort.held_out),
    "text-to-picture": lambda model, measure, effort: style_accuracy(model, measure.classifier, effort.seeds),
    "objects": lambda model, measure, effort: object_detection(model, measure.classifier, effort.seeds),
    "picture-to-picture": lambda model, measure, effort: strength_response(
        model, measure.classifier, effort.edit_seeds
    ),
    "photographs": lambda model, measure, effort: photograph_edits(model, measure),
}
