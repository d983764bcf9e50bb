"""Runs that are a part of a larger picture: tiles of one that a script enlarges, or what a detector found in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from modules import images, scripts

from ..change_map import Bounds, Extent
from .patches import changed, wrap_once

GIVEN = "differential_diffusion_given"
"""Name under which it stands on its `p` while the script that is chosen in the img2img tab goes on."""
LEFT = "differential_diffusion_left"
"""Name under which stands, after that script, the mask that it has left on its `p`, and the one that was given."""
TILE = "differential_diffusion_tile"
"""Name under which a tile's place stands on its picture."""

MASKS_ITS_TILES = ("ultimate sd upscale",)
CUTS_TILES = ("sd upscale",)
"""Scripts of the img2img tab that enlarge a picture and run img2img on its tiles, by `script_choice.key`: on the whole
picture with the tile as inpaint mask, or on each tile alone."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a run had from its user before the script that is chosen in the img2img tab changed it.

    Attributes:
        picture: the first one; None without one.
        image_mask: the inpaint mask, as the host has it.
        mask_is_inverted: whether what is outside of it shall change.
    """

    picture: Image.Image | None
    image_mask: Image.Image | None
    mask_is_inverted: bool

    def enlarged_by(self, picture: Extent) -> float:
        """How many pixels of `picture`, which was made of the one given, stand for one of that."""
        return 1 if self.picture is None else picture.width / self.picture.width

    @classmethod
    def to(cls, p: Any) -> Given:
        known = vars(p).get(GIVEN)
        if known is not None:
            return known
        picture = p.init_images[0] if p.init_images else None
        # the next file of a batch folder comes with the last file's last tile as its mask
        left, given = vars(p).get(LEFT, (None, None))
        mask = given if p.image_mask is left else p.image_mask
        return cls(picture, mask, bool(p.inpainting_mask_invert))


@dataclass(frozen=True)
class Tile:
    """Where a tile lies in the picture that it was cut from; it may reach beyond it."""

    whole: Extent
    bounds: Bounds

    @staticmethod
    def of(picture: Image.Image) -> Tile | None:
        """What `mark_tiles` knows of a picture; None if it is no tile."""
        return vars(picture).get(TILE)

    def cut(self, plane: np.ndarray) -> np.ndarray:
        """The tile's part of a plane (H, W) of the whole picture, whose edges are drawn out beyond it."""
        left, top, right, bottom = self.bounds.box
        rows = np.arange(top, bottom).clip(0, self.whole.height - 1)
        columns = np.arange(left, right).clip(0, self.whole.width - 1)
        return plane[rows][:, columns]


def is_detection(p: Any) -> bool:
    """Whether ADetailer runs `p` to make again what it has found in the result of a run that still goes on."""
    return getattr(p, "_ad_inner", False)


def keep_given() -> None:
    """From now on, remember what a run was given for as long as the script that is chosen in the tab goes on."""
    wrap_once(scripts.ScriptRunner, "run", _run_with_given)


def _run_with_given(run: Callable[..., Any], runner: Any, p: Any, *args: Any) -> Any:
    if not hasattr(p, "init_images"):  # txt2img
        return run(runner, p, *args)
    given = Given.to(p)
    with changed(p, **{GIVEN: given}):
        try:
            return run(runner, p, *args)
        finally:
            vars(p)[LEFT] = p.image_mask, given.image_mask


def mark_tiles() -> None:
    """From now on, let the tiles that the host cuts a picture into know where they lie."""
    wrap_once(images, "split_grid", _split_and_mark)


def _split_and_mark(split: Callable[..., Any], image: Image.Image, *args: Any, **kwargs: Any) -> Any:
    grid = split(image, *args, **kwargs)
    for top, height, row in grid.tiles:
        for left, width, tile in row:
            vars(tile)[TILE] = Tile(Extent(*image.size), Bounds(left, top, width, height))
    return grid


@dataclass(frozen=True, eq=False)
class Blend:
    """Where the host itself would lay a run's result over the picture, by a mask that is a tile's or a detection's and
    says nothing of how much shall change.

    Attributes:
        cells: the latent cells that it takes from the result, bool (h, w).
        overlay: the picture, as opaque as the host would keep it: RGBA, of the size of the picture that comes out.
    """

    cells: np.ndarray
    overlay: Image.Image

    @classmethod
    def of(cls, p: Any) -> Blend | None:
        """After the host has prepared the run; None if it found nothing in the mask."""
        if p.nmask is None:
            return None
        cells = p.nmask.float().cpu().numpy()
        cells = cells.reshape(-1, *cells.shape[-2:])[0] >= 0.5
        return cls(cells, p.overlay_images[0])

    def under(self, overlay: Image.Image | None) -> Image.Image:
        """The host's overlay with one of ours laid over it: where that is transparent, all is the host's to the last
        bit."""
        return self.overlay if overlay is None else Image.alpha_composite(self.overlay, overlay)
