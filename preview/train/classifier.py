"""A judge for generated pictures: names a picture's style and objects. It never sees the diffusion model."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from preview.train.captions import OBJECTS, STYLES
from preview.train.data import shard_paths
from preview.train.render import Sample, load_shard

SIDE = 128
CLASSES: tuple[str | None, ...] = (None, *STYLES)
"""None: no style, a plain day or a plain abstract picture."""


@dataclass(frozen=True)
class Verdict:
    """Probabilities for N pictures: styles N x len(CLASSES), each row summing to 1, and objects N x len(OBJECTS)."""

    styles: NDArray[np.float32]
    objects: NDArray[np.float32]

    def style_score(self, style: str) -> NDArray[np.float32]:
        return self.styles[:, CLASSES.index(style)]

    def object_score(self, thing: str) -> NDArray[np.float32]:
        return self.objects[:, OBJECTS.index(thing)]


class Classifier(nn.Module):
    """Five strided convolutions, an average over the picture, and one linear layer per question."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128, 128)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.style = nn.Linear(2 * widths[-1], len(CLASSES))
        self.objects = nn.Linear(2 * widths[-1], len(OBJECTS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of styles and of objects for Nx3xSIDExSIDE pictures in [0, 1]."""
        features = self.features(pictures * 2 - 1)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        return self.style(pooled), self.objects(pooled)

    @torch.no_grad()
    def judge(self, pictures: NDArray[np.uint8]) -> Verdict:
        """Judge NxHxWx3 pictures."""
        self.eval()
        styles, objects = self(_as_input([_shrunk(picture) for picture in pictures]))
        return Verdict(styles.softmax(1).numpy(), objects.sigmoid().numpy())


def train_classifier(folders: list[Path], epochs: int, seed: int = 0) -> Classifier:
    """Train on the shards of some folders. Half of the pictures are blurred, since a small model's pictures are
    less sharp than made ones."""
    shrunk, samples = _load_shrunk([path for folder in folders for path in shard_paths(folder)])
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Classifier().train()
    batch = 50
    steps = epochs * len(samples) // batch
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    styles = torch.tensor([CLASSES.index(sample.style) for sample in samples])
    objects = torch.tensor([[float(thing in sample.objects) for thing in OBJECTS] for sample in samples])
    known = torch.tensor([[float(sample.landscape)] for sample in samples])
    for _ in tqdm(range(steps), desc="classifier", unit="batch", mininterval=15):
        chosen = rng.integers(len(samples), size=batch)
        style, found = model(_as_input([_blurred(shrunk[index], rng) for index in chosen]))
        seen = functional.binary_cross_entropy_with_logits(found, objects[chosen], weight=known[chosen])
        loss = functional.cross_entropy(style, styles[chosen]) + seen
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
    return model


def _load_shrunk(paths: list[Path]) -> tuple[NDArray[np.uint8], list[Sample]]:
    shrunk, samples = [], []
    for path in paths:
        pictures, shown = load_shard(path)
        shrunk += [_shrunk(picture) for picture in pictures]
        samples += shown
    return np.stack(shrunk), samples


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _blurred(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.5:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.8)))


def _as_input(pictures: list[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).movedim(-1, 1).float() / 255
