"""What the host's autoencoder loses of a run's pictures, so that it can be given back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import devices
from modules.processing import decode_latent_batch

from .. import texture


class NotGivenBack(Exception):
    """Why the texture stays lost, as the second half of a sentence."""


class LostTexture:
    """The texture of one run's pictures.

    Args:
        pictures: the input pictures on the canvas.
        latents: theirs, (B, C, h, w), or (B, C, T, h, w) of a video model.
        strength: of each cell, float (B, h, w) in 0..1, of each picture or of all (B = 1); 1 where the latent is not
            the picture's.
    """

    def __init__(
        self, sd_model: Any, pictures: Sequence[Image.Image], latents: torch.Tensor, strength: np.ndarray
    ) -> None:
        self._sd_model = sd_model
        self._pictures = pictures
        self._latents = latents[: len(pictures)]
        self._shares = [texture.share_of_pixels(cells, pictures[0].size) for cells in strength]

    def give_back(self, results: torch.Tensor) -> None:
        """Give the texture back to the decoded pictures of one batch, float (B, 3, H, W) in 0..1, in place.

        Raises:
            NotGivenBack: `results` is as it was.
        """
        if results.shape[-2:] != self._shares[0].shape:
            raise NotGivenBack("the decoded picture has another size than the input")
        for index, result in enumerate(results):
            picture, unchanged = self._before_and_after[index % len(self._pictures)]
            shares = self._shares[index % len(self._shares)]
            ours = texture.give_back(_as_array(result), picture, unchanged, shares)
            result.copy_(torch.from_numpy(ours).movedim(-1, 0))

    @cached_property
    def _before_and_after(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each input before and after the autoencoder, float32 (H, W, 3) in 0..1. All batches of a run share them."""
        try:
            decodings = decode_latent_batch(self._sd_model, self._latents, target_device=devices.cpu)
        except torch.cuda.OutOfMemoryError:
            raise NotGivenBack("there was not enough memory to decode the input") from None
        decoded = torch.stack(decodings).float()
        if not decoded.isfinite().all():
            raise NotGivenBack(
                "the autoencoder made values of the input that are not finite, as some do in half precision"
            )
        unchanged = ((decoded.reshape(-1, *decoded.shape[-3:]) + 1) / 2).clamp(0, 1)
        before = [np.asarray(picture.convert("RGB"), dtype=np.float32) / 255 for picture in self._pictures]
        return list(zip(before, map(_as_array, unchanged)))


def _as_array(picture: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(picture.movedim(0, -1).float().numpy(force=True))
