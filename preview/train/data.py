"""What the training reads, kept on the device: pictures for the autoencoder, latents and captions for the denoiser."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from preview.train.autoencoder import LATENT_STD, as_input
from preview.train.render import Sample, load_shard

Group = TypeVar("Group")


def shard_paths(folder: Path) -> list[Path]:
    """The finished shards of a folder written by `render_shards`."""
    paths = sorted(path for path in folder.glob("*.npy") if not path.name.endswith(".tmp.npy"))
    if not paths:
        raise FileNotFoundError(f"no pictures in {folder}: run the stage 'render' first")
    return paths


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size (N x H x W x 3 bytes, on the device) and what they show."""

    values: Tensor
    samples: list[Sample]

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "Pictures":
        """All shards of a folder."""
        values, samples = [], []
        for path in shard_paths(folder):
            shard, shown = load_shard(path)
            values.append(torch.from_numpy(np.array(shard)).to(device))
            samples += shown
        return cls(torch.cat(values), samples)


def random_crops(pictures: list[Pictures], count: int, side: int, rng: torch.Generator) -> Tensor:
    """`count` squares (count x 3 x side x side in [-1, 1]) from anywhere in pictures of one size, which is drawn first.
    Half of them are regraded, so that the autoencoder meets more colours than the pictures hold."""
    group = _drawn(pictures, [len(group.samples) for group in pictures], rng)
    chosen = torch.randint(len(group.samples), (count,), generator=rng)
    tops, lefts = (torch.randint(length - side + 1, (count,), generator=rng) for length in group.values.shape[1:3])
    crops = [
        group.values[index, top : top + side, left : left + side]
        for index, top, left in zip(chosen.tolist(), tops.tolist(), lefts.tolist())
    ]
    return _regraded(as_input(torch.stack(crops)), rng)


def _regraded(crops: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the crops with colours mixed, new contrast and brightness, mirrored."""
    count = len(crops)
    mix = torch.eye(3) + 0.25 * torch.randn(count, 3, 3, generator=rng)
    mix = mix / mix.abs().sum(2, keepdim=True) * (0.6 + 0.9 * torch.rand(count, 1, 1, generator=rng))
    shift = 0.6 * torch.rand(count, 3, 1, 1, generator=rng).mean(1, keepdim=True) - 0.3
    mix, shift = mix.to(crops.device), shift.to(crops.device)
    regraded = (torch.einsum("nij,njhw->nihw", mix, crops) + shift).clamp(-1, 1).flip(3)
    kept = torch.rand(count, generator=rng).to(crops.device) < 0.5
    return torch.where(kept[:, None, None, None], crops, regraded)


@dataclass(frozen=True)
class Latents:
    """Scaled latents of pictures of one size (N x 4 x h x w) and their captions as tokens (N x 77), on the device."""

    values: Tensor
    tokens: Tensor


@torch.no_grad()
def encode(autoencoder: AutoencoderKL, pictures: Pictures, tokenizer: CLIPTokenizer) -> Latents:
    """The latents of all pictures and of their mirror images."""
    captions = [sample.caption for sample in pictures.samples]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    both = [latents_of(autoencoder, pictures, mirrored) for mirrored in (False, True)]
    values = (LATENT_STD * torch.cat(both)).to(torch.bfloat16)
    return Latents(values, torch.cat([tokens, tokens]).to(values.device))


@torch.no_grad()
def latents_of(autoencoder: AutoencoderKL, pictures: Pictures, mirrored: bool = False) -> Tensor:
    """Unscaled latents (N x 4 x h x w, float32)."""
    values = [
        autoencoder.encode(batch.flip(3) if mirrored else batch).latent_dist.mean for batch in _batches(pictures.values)
    ]
    return torch.cat(values)


def _batches(values: Tensor, pixels: int = 1 << 22) -> Iterator[Tensor]:
    size = max(1, pixels // (values.shape[1] * values.shape[2]))
    for batch in values.split(size):
        yield as_input(batch)


def random_latents(latents: list[Latents], cells: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Latents (float32) and tokens of random pictures of one size, which is drawn first; together about `cells`
    cells."""
    group = _drawn(latents, [len(group.values) for group in latents], rng)
    count = max(1, cells // (group.values.shape[2] * group.values.shape[3]))
    chosen = torch.randint(len(group.values), (count,), generator=rng).to(group.values.device)
    return group.values[chosen].float(), group.tokens[chosen]


def _drawn(groups: list[Group], weights: list[int], rng: torch.Generator) -> Group:
    return groups[int(torch.multinomial(torch.tensor(weights, dtype=torch.float), 1, generator=rng))]
