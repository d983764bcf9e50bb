"""How much a picture changed, at each pixel, without a network.

The paper measures with LPIPS (see lpips.py), whose weights not every machine can have. Beside it stands the structural
similarity of Wang et al. at several scales ("Multiscale structural similarity", 2003), from torchmetrics: it compares
structure and colour instead of single pixels, and gives a map as well as a number.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from runs import Pictures
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate
from torchmetrics.functional.image import structural_similarity_index_measure

SCALES = (1, 2, 4, 8)


def structural(before: Pictures, after: Pictures) -> NDArray[np.float32]:
    """Distance of each pixel's surroundings, (N, H, W): 0 = alike, about 1 = unlike at every scale.

    At each scale, 1 - SSIM of the pictures reduced by it; the scales' maps are averaged at full size.
    """
    a, b = _planes(before), _planes(after)
    maps = [_dissimilarity(avg_pool2d(a, scale), avg_pool2d(b, scale)) for scale in SCALES]
    size = a.shape[-2:]
    maps = [interpolate(plane, size=size, mode="bilinear", align_corners=False) for plane in maps]
    return torch.cat(maps, dim=1).mean(dim=1).numpy()


def _planes(pictures: Pictures) -> Tensor:
    return torch.from_numpy(pictures).movedim(-1, 1).float() / 255


def _dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    _, similarity = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    return 1 - similarity.mean(dim=1, keepdim=True)
