"""Where one run's picture lies: in the input picture, on the canvas that is generated, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from modules import images, shared

from .. import change_map
from ..change_map import Bounds, Extent, ResizeMode


@dataclass(frozen=True)
class Geometry:
    """How the host brings a picture to the canvas.

    Attributes:
        picture: size of the input picture.
        canvas: size of what is generated.
        mode: how the whole picture is brought to it.
        crop: the part of the picture that is generated alone and pasted back ("Only masked"); None for all of it.
    """

    picture: Extent
    canvas: Extent
    mode: ResizeMode
    crop: Bounds | None

    @classmethod
    def of(cls, p: Any, picture: Extent, crop: Bounds | None = None) -> Geometry:
        return cls(picture, Extent(p.width, p.height), ResizeMode(p.resize_mode), crop)

    @property
    def area(self) -> Bounds:
        """The part of the result that is generated."""
        return self.crop or Bounds(0, 0, self.canvas.width, self.canvas.height)

    @property
    def covered(self) -> Bounds:
        """Where the whole picture lies on the canvas; beyond it are its edges, drawn out to fill."""
        return change_map.placement(self.picture, self.mode, self.canvas)

    @property
    def scale(self) -> float:
        """Pixels of the canvas for one of the whole picture."""
        return self.covered.width / self.picture.width

    def place(self, plane: np.ndarray) -> np.ndarray:
        """A plane (float (H, W)) of the picture on the canvas."""
        if self.crop:
            return change_map.to_canvas(change_map.cut(plane, self.crop), ResizeMode.FILL, self.canvas)
        return change_map.to_canvas(plane, self.mode, self.canvas)

    def prepared(self, image: Image.Image) -> Image.Image:
        """The picture as the host hands it to the autoencoder, before it fills anything."""
        return self.brought(images.flatten(image, shared.opts.img2img_background_color))

    def brought(self, image: Image.Image) -> Image.Image:
        """A picture or mask of the picture's size, brought to the canvas by the host's own filter."""
        if self.crop:
            image = image.crop(self.crop.box)
            return images.resize_image(ResizeMode.FILL.value, image, self.canvas.width, self.canvas.height)
        if self.mode is ResizeMode.STRETCH_LATENT:
            return image
        return images.resize_image(self.mode.value, image, self.canvas.width, self.canvas.height)

    def unchanged(self, image: Image.Image) -> Image.Image:
        """An input picture as the run would give it back if it changed nothing at all."""
        if self.crop:
            return images.flatten(image, shared.opts.img2img_background_color)
        return self.on_canvas(image)

    def on_canvas(self, image: Image.Image) -> Image.Image:
        """An input picture, or the crop of it, as it would be generated if nothing changed at all."""
        picture = self.prepared(image)
        if self.mode is ResizeMode.STRETCH_LATENT and not self.crop:
            picture = images.resize_image(ResizeMode.STRETCH.value, picture, self.canvas.width, self.canvas.height)
        return picture
