"""What the training reads: rendered pictures for the decoder, latents and captions for the denoiser."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from preview.train.autoencoder import LATENT_STD, PatchPca
from preview.train.render import Sample, load_shard


def shard_paths(folder: Path) -> list[Path]:
    """The finished shards of a folder written by `render_shards`."""
    paths = sorted(path for path in folder.glob("*.npy") if not path.name.endswith(".tmp.npy"))
    if not paths:
        raise FileNotFoundError(f"no pictures in {folder}: run the stage 'render' first")
    return paths


@dataclass(frozen=True)
class Latents:
    """Scaled latents (N x 4 x h x w, float16) of the training pictures, and what they show."""

    values: Tensor
    samples: list[Sample]

    @classmethod
    def of_pictures(cls, pictures: Path, cache: Path, pca: PatchPca) -> "Latents":
        """Encode all shards of `pictures`; `cache` keeps the result of each."""
        cache.mkdir(parents=True, exist_ok=True)
        values, samples = [], []
        for path in tqdm(shard_paths(pictures), desc="encode", unit="shard"):
            shard, shown = load_shard(path)
            cached = cache / path.name
            if not cached.exists():
                np.save(cached, (LATENT_STD * pca.encode(np.array(shard))).half().numpy())
            values.append(torch.from_numpy(np.load(cached)))
            samples += shown
        return cls(torch.cat(values), samples)


class PictureCrops:
    """Random crops of the pictures, on the grid of the autoencoder's cells, with some turned dark, pale or noisy
    so that the decoder also meets what photographs hold."""

    def __init__(self, folder: Path, crop: int):
        self._shards = [load_shard(path)[0] for path in shard_paths(folder)]
        self._crop = crop

    def batch(self, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """`count` crops, count x crop x crop x 3."""
        crops = []
        for _ in range(count):
            shard = self._shards[int(rng.integers(len(self._shards)))]
            picture = shard[int(rng.integers(len(shard)))]
            top, left = (8 * int(rng.integers((side - self._crop) // 8 + 1)) for side in picture.shape[:2])
            crops.append(_regraded(picture[top : top + self._crop, left : left + self._crop], rng))
        return np.stack(crops)


def _regraded(crop: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Half of the crops unchanged, the others with new contrast, colours mixed, and mirrored or turned upside down."""
    if rng.random() < 0.5:
        return crop
    mix = np.eye(3) + rng.normal(0, 0.25, (3, 3))
    mixed = (crop / 255.0 - 0.5) @ (mix / np.abs(mix).sum(1, keepdims=True)).T * rng.uniform(0.6, 1.5) + rng.uniform(
        0.35, 0.65
    )
    flipped = mixed[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]
    return np.round(np.clip(flipped, 0, 1) * 255).astype(np.uint8)
