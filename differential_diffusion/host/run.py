"""The life of one run, one call of the host's `process_images`.

An `Img2ImgRun` wraps this one `p`'s `init` and `sample`, because an error raised there reaches the user, while one
raised in a script callback is printed and the picture is made without the effect. Everything that it changes on `p` is
changed back before the wrapped function returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from modules.processing import StableDiffusionProcessingImg2Img

from .. import change_map, fan, infotext, plan, texture
from ..change_map import Bounds, Extent
from ..pin import laid_over
from ..settings import NAME, Refused, Settings, as_painted
from . import latents, makers, maps, script_choice
from .geometry import Geometry
from .lost_texture import LostTexture, NotGivenBack
from .masks import FILL_KEEPS_ORIGINAL, Inpainting, picture_of
from .patches import StandIn, changed, restore_method
from .refusals import as_shown
from .results import Results
from .samplers import PinnedSampler, schedule_of
from .tiles import CUTS_TILES, MASKS_ITS_TILES, Blend, Given, Tile

RUN = "differential_diffusion_run"
"""Name under which a run stands on its `p`, so that the host's callbacks find it."""


class Img2ImgRun:
    """The effect on one run of `p`.

    Args:
        is_by_hand: whether it was started on the page, and not by a request or another program.
        outer: the run in whose result this one makes a part again; None for most.

    Attributes:
        finishing: the run whose pictures are being finished now; the hosts carry out one at a time.
        results: the run's pictures.
        made: width and height of the picture that is to be laid together next; other extensions may have enlarged it.
    """

    finishing: Img2ImgRun | None = None

    def __init__(
        self,
        p: StableDiffusionProcessingImg2Img,
        settings: Settings,
        is_by_hand: bool,
        outer: Img2ImgRun | None = None,
    ) -> None:
        script = script_choice.key(script_choice.chosen(p))
        self._p = p
        self._settings = settings
        self._is_by_hand = is_by_hand
        self._outer = outer
        self._given = Given.to(p)
        self._is_cut = outer is None and script in CUTS_TILES
        self._is_masked = outer is not None or script in MASKS_ITS_TILES
        self._geometry: Geometry
        self._planes: np.ndarray
        self._blend: Blend | None = None
        self._crop_stand_in: StandIn | None = None
        self._overlays: list[Image.Image | None] = []
        self._map_pictures: list[Image.Image] = []
        self._lost_texture: LostTexture | None = None
        self._parts: list[fan.Part] = []
        self._is_pinned = False
        self.results = Results(p)
        self.made: tuple[int, int] | None = None
        self._original_methods: dict[str, Any] = {}

    @staticmethod
    def on(p: Any) -> Img2ImgRun | None:
        """The run that stands on `p`, its own or one that came with a copy."""
        return vars(p).get(RUN)

    def attach(self) -> None:
        if self._p.image_mask is not None and self._p.inpaint_full_res and not self._is_part:
            self._compose()
        replacements = {"init": self._init, "sample": self._sample}
        self._original_methods = {name: getattr(self._p, name) for name in replacements}
        vars(self._p).update(replacements, **{RUN: self})

    def is_on_copy(self, p: Any) -> bool:
        """Whether `p` is a copy of this run's own that was made while it goes on."""
        return Img2ImgRun.on(p) is self and p is not self._p

    def attach_inside(self, p: Any) -> None:
        """Lay this run's map over another, `p`, that makes a part of its result again. A fan stays what it is."""
        if self._strengths.layout is None:
            Img2ImgRun(p, self._settings, self._is_by_hand, outer=self).attach()

    @property
    def _is_part(self) -> bool:
        """Whether the run makes only a part of the picture that its user gets."""
        return self._is_cut or self._is_masked

    @staticmethod
    def detach(p: Any) -> None:
        """Give `p` its own methods back: also those that a run which broke off, or a copy of `p`, left there."""
        run = vars(p).pop(RUN, None)
        if run is not None:
            if run._p is p and Img2ImgRun.finishing is run:
                Img2ImgRun.finishing = None
            for name, method in run._original_methods.items():
                restore_method(p, name, method)
            if run._crop_stand_in:
                run._crop_stand_in.leave(p)

    def give_back_texture(self, results: torch.Tensor) -> None:
        """Give weakly changed parts of decoded pictures, float (B, 3, H, W) in 0..1, their texture back, in place."""
        if self._lost_texture is None:
            return
        try:
            self._lost_texture.give_back(results)
        except NotGivenBack as reason:
            self._lost_texture = None
            self._p.comment(f"{NAME}: weakly changed parts have lost some detail, since {reason}.")

    def show(self, overlay: Any) -> None:
        """Replace the host's composite of one picture (`PostProcessMaskOverlayArgs`) by ours."""
        if not self._overlays:
            return
        shown = (pictures[overlay.index % len(pictures)] for pictures in (self._overlays, self._map_pictures))
        overlay.overlay_image, overlay.mask_for_overlay = map(self._as_large_as_made, shown)
        if self._is_cut:  # some hosts list it among the pictures, where the script expects tiles alone
            overlay.mask_for_overlay = None

    def _as_large_as_made(self, picture: Image.Image | None) -> Image.Image | None:
        """The host itself brings the result of a crop to the crop's size, and nothing else to the overlay's."""
        if picture is None or self._geometry.crop or self.made in (None, picture.size):
            return picture
        return picture.resize(self.made, Image.Resampling.LANCZOS)

    def finish(self, processed: Any) -> None:
        """Add to the pictures of the finished run (`Processed`) what else it has to show, and keep its map."""
        p, settings = self._p, self._settings
        if self._is_cut and not self.results.pictures:  # interrupted; the script would put black in their place
            processed.images += [image.convert("RGB") for image in p.init_images]
        if self._parts:
            self.results.add_labelled_fans(processed, self._view, settings.fan_axis, self._parts)
        if not self._is_pinned:
            return
        if settings.show_change and self._is_part:
            p.comment(f"{NAME}: what changed is not shown of a picture that is made in tiles.")
        elif settings.show_change:
            self.results.add_changes(processed, self._geometry, self._strengths.cells / self._strengths.run)
        maps.keep(p, settings, self._is_part)

    def _init(self, *args: Any, **kwargs: Any) -> None:
        with self._detached_on_error():
            self._init_with_map(*args, **kwargs)

    def _sample(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self._detached_on_error():
            return self._sample_with_pin(*args, **kwargs)

    @contextmanager
    def _detached_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            Img2ImgRun.detach(self._p)
            if isinstance(error, Refused):
                raise as_shown(self._p, error, self._is_by_hand) from None
            raise

    def _init_with_map(self, *args: Any, **kwargs: Any) -> None:
        p = self._p
        latents.needs_a_picture_to_change()
        if not self._is_composed():
            self._compose()
        prepare = self._prepare_by_its_mask if self._is_masked else self._prepare
        self._on_canvas = prepare(*args, **kwargs)
        latents.needs_still_pictures(p.init_latent, len(set(map(id, p.init_images))))
        p.mask_for_overlay = p.overlay_images = None
        p.paste_to = p.paste_to if self._geometry.crop else None
        p.extra_generation_params.update(self._inpainting.infotext)

        cells = np.stack([change_map.to_cells(plane, self._cells) for plane in self._on_canvas])
        self._is_beside = np.zeros(cells.shape[1:], bool) if self._blend is None else ~self._blend.cells
        strengths = plan.strengths(self._settings, cells * ~self._is_beside, p.denoising_strength)
        # the host itself holds what lies beside a tile, in its own way
        self._strengths = replace(strengths, cells=np.where(self._is_beside, strengths.run, strengths.cells))
        self._is_kept = self._strengths.cells == 0
        self._view = fan.view(cells.max(axis=0), self._geometry.area)
        self._original, self._is_filled = p.init_latent, np.zeros(cells.shape, bool)
        mask = self._inpainting.mask
        if mask is not None and self._inpainting.fill != FILL_KEEPS_ORIGINAL:
            self._unfill_kept(mask)
        self._result_planes = self._planes if self._geometry.crop else self._on_canvas
        self._map_pictures = [picture_of(plane) for plane in self._result_planes]

    def _prepare(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Let the host prepare the run without its own mask. Returns the maps on the canvas, float32 (B, H, W)."""
        p, inpainting = self._p, self._inpainting
        self._geometry = geometry = inpainting.geometry(p, self._planes.max(axis=0))
        if self._settings.is_made and not self._is_cut:
            self._planes = self._made_planes()
        planes = on_canvas = np.stack([geometry.place(plane) for plane in self._planes])
        if geometry.crop:
            planes = self._planes
        else:
            softness = self._scaled.softness * geometry.scale
            planes = on_canvas = np.stack([plan.outpainted(each, geometry.covered, softness) for each in on_canvas])
        self._say_if_little_changes(self._whole if self._is_cut else planes)
        with changed(p, **inpainting.init_stand_in(p, planes.max(axis=0), geometry)):
            self._original_methods["init"](*args, **kwargs)
        p.mask = p.nmask = None
        return on_canvas

    def _prepare_by_its_mask(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Let the host prepare the run with its mask, which is a tile's or a detection's. Returns the maps on the
        canvas, float32 (B, H, W)."""
        p = self._p
        with changed(p, inpainting_mask_invert=0):  # of the mask that the tile's has replaced
            self._original_methods["init"](*args, **kwargs)
        self._blend = Blend.of(p)
        crop = Bounds(*p.paste_to) if self._blend and p.inpaint_full_res and p.paste_to else None
        self._geometry = Geometry.of(p, Extent.of(self._whole), crop)
        self._say_if_little_changes(self._whole)
        return np.stack([self._geometry.place(plane) for plane in self._planes])

    def _say_if_little_changes(self, planes: np.ndarray) -> None:
        reason = plan.why_so_little(self._settings, self._inpainting.mask, planes)
        if reason is not None:
            self._p.comment(f"{NAME}: {reason}.")

    def _made_planes(self) -> np.ndarray:
        """The change maps of pictures that maps are made for, float32 (B, H, W)."""
        size = Extent.of(self._whole)
        return np.stack([self._made_plane(picture, i, size) for i, picture in enumerate(self._p.init_images)])

    def _made_plane(self, picture: Image.Image, index: int, size: Extent) -> np.ndarray:
        """The change map that is made for a picture, laid over one of `size`: float32 (H, W), black where it was broken
        off."""
        grey = makers.of_run(self._p, picture, self._settings, index)
        if grey is None:
            self._p.comment(f"{NAME}: the map was not finished, so nothing was changed.")
            return np.zeros((size.height, size.width), np.float32)
        return plan.compose(as_painted(self._scaled, grey), self._inpainting.mask, size)

    def _compose(self) -> None:
        """Make the change maps from what stands on `p` now: float32 (B, H, W), one for each input picture, or one for
        all (B = 1); those that are yet to be made count as white. With "Only masked", everyone who looks at `p` from
        now on finds the crop of this run."""
        p, given = self._p, self._given
        if self._crop_stand_in:
            self._crop_stand_in.leave(p)
        picture = self._picture()
        tiles = [tile for tile in map(Tile.of, p.init_images) if tile] if self._is_cut else []
        whole = tiles[0].whole if tiles else picture
        if self._is_part:
            self._inpainting = Inpainting.of_part(given.image_mask, given.mask_is_inverted, whole)
        else:
            self._inpainting = Inpainting.of(p, picture)
        self._scaled = replace(self._settings, softness=self._settings.softness * given.enlarged_by(whole))
        if self._outer:
            self._whole = self._outer.map_of_result(whole)
        elif self._is_part and self._settings.is_made:
            self._whole = self._made_plane(given.picture or p.init_images[0], 0, whole)
        else:
            self._whole = plan.compose(self._scaled, self._inpainting.mask, whole)
        self._planes = np.stack([tile.cut(self._whole) for tile in tiles]) if tiles else self._whole[None]
        if self._inpainting.crop:
            self._crop_stand_in = StandIn(p, self._inpainting.crop_stand_in(p, self._whole))

    def map_of_result(self, size: Extent) -> np.ndarray:
        """The change map of the picture that is being finished, before it is laid over the input: float32 (H, W).

        Args:
            size: of that picture, or of the input that another extension takes in its place.
        """
        index = self._p.batch_index
        on_canvas, given = (planes[index % len(planes)] for planes in (self._on_canvas, self._planes))
        return given if Extent.of(given) == size else change_map.resample(on_canvas, size)

    def _is_composed(self) -> bool:
        """Whether the map was made from what stands on `p` now: other scripts may have given it a mask or pictures."""
        shown = self._crop_stand_in
        return shown is not None and shown.is_whole(self._p) and self._picture() == Extent.of(self._planes[0])

    def _picture(self) -> Extent:
        """Size of the input pictures."""
        sizes = {image.size for image in self._p.init_images}
        if not sizes:
            raise Refused("there is no picture to change")
        if len(sizes) > 1:
            raise Refused(f"the pictures of one batch must have one size, not {sorted(sizes)}")
        return Extent(*sizes.pop())

    def _unfill_kept(self, mask: np.ndarray) -> None:
        """The host fills the masked content before it encodes; what is kept must not be pinned to colours that
        bled out of the mask."""
        p, geometry = self._p, self._geometry
        unfilled = latents.encoded_aside(p, [geometry.prepared(image) for image in p.init_images])
        is_masked = change_map.to_cells(geometry.place(mask), self._cells) >= 0.5
        self._original, self._is_filled = unfilled, is_masked & ~self._is_kept
        p.init_latent = torch.where(laid_over(p.init_latent, self._is_filled), p.init_latent, unfilled)

    def _kept(self, plane: np.ndarray, is_kept: np.ndarray) -> np.ndarray | None:
        """How much of an input is laid over its result: float32 (H, W); None for nothing.

        Args:
            plane: the change map of the result, float32 (H, W).
            is_kept: the cells that the map leaves without a step, bool (h, w).
        """
        geometry = self._geometry
        if self._settings.keep_exact:
            generated = plane.copy()
            change_map.cut(generated, geometry.area)[:] *= _enlarged(~is_kept, geometry.area)
            return 1 - change_map.paste_weight(generated, geometry.area.width / self._cells.width)
        if not geometry.crop:
            return None
        kept = np.ones_like(plane)
        change_map.cut(kept, geometry.crop)[:] = 0
        return kept

    def _overlay(self, image: Image.Image, kept: np.ndarray | None) -> Image.Image | None:
        if kept is None:
            return None
        picture = self._geometry.unchanged(image).convert("RGB")
        picture.putalpha(picture_of(kept))
        return picture

    @property
    def _cells(self) -> Extent:
        latent = self._p.init_latent
        return Extent(latent.shape[-1], latent.shape[-2])

    def _sample_with_pin(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        p = self._p
        if self._strengths.run == 0:
            # some models have one latent for all pictures of a batch
            samples = p.init_latent.expand(len(kwargs["seeds"]), *p.init_latent.shape[1:]).clone()
        else:
            with (
                changed(p, denoising_strength=self._strengths.run),
                changed(p.sampler, sample_img2img=self._pinned(p.sampler, p.sampler.sample_img2img)),
            ):
                samples = self._original_methods["sample"](*args, **kwargs)
            if not self._is_pinned:
                p.comment(f"{NAME} was off: another extension replaced the sampler.")
                return samples
        if not self._overlays:
            kept = [self._kept(*each) for each in zip(self._result_planes, self._is_kept)]
            self._overlays = [self._overlay(image, kept[i % len(kept)]) for i, image in enumerate(p.init_images)]
            if self._blend:
                self._overlays = [self._blend.under(each) for each in self._overlays]
            self._lost_texture = self._texture()
        if self._outer is None:
            Img2ImgRun.finishing = self
        infotext.remove_unused(p.extra_generation_params)
        p.extra_generation_params.update(infotext.write(self._settings))
        if self._strengths.layout:
            self._parts = self._fan_parts(self._strengths.layout)
            p.extra_generation_params.update(infotext.write_parts(self._parts))
        return samples

    def _texture(self) -> LostTexture | None:
        """What weakly changed parts lose and shall have back; None where there are none. A fan shows what plain img2img
        makes of each strength."""
        p, strength = self._p, np.where(self._is_filled | self._is_beside, 1, self._strengths.cells)
        is_weak = ~self._is_kept & (texture.share(strength) > 0)
        if not self._settings.keep_exact or self._strengths.layout or not is_weak.any():
            return None
        pictures = [self._geometry.on_canvas(image) for image in p.init_images]
        return LostTexture(p.sd_model, pictures, self._original, strength)

    def _fan_parts(self, layout: fan.Layout) -> list[fan.Part]:
        p, strengths = self._p, self._strengths
        with changed(p, denoising_strength=strengths.run or max(layout.strengths)):
            schedule = schedule_of(p, p.sampler)
        reached = [float(part.max()) for part in layout.split(strengths.cells.max(axis=0))]
        steps = schedule.free_steps(np.array(reached)).tolist()
        return fan.parts(layout, reached, steps, self._geometry.area, self._view)

    def _pinned(self, sampler: Any, sample_img2img: Any) -> Any:
        """The sampler's own method with the pin around its function. Here all hosts hand over the noise really
        sampled."""

        def sample_with_pin(p: Any, x: torch.Tensor, noise: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            pinned = PinnedSampler(p, sampler, self._strengths.cells, x, noise)
            with changed(sampler, func=pinned.wrapped(sampler.func)):
                samples = sample_img2img(p, x, noise, *args, **kwargs)
            self._is_pinned, self._is_kept = pinned.has_run, pinned.kept
            if pinned.why_uneven:
                p.comment(
                    f"{NAME}: {pinned.why_uneven}, so a region can change by more or less than plain img2img at its "
                    "strength."
                )
            return pinned.finish(samples)

        return sample_with_pin


def _enlarged(cells: np.ndarray, area: Bounds) -> np.ndarray:
    return cv2.resize(cells.astype(np.float32), (area.width, area.height), interpolation=cv2.INTER_NEAREST)
