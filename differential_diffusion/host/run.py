"""The life of one run, one call of the host's `process_images`.

An `Img2ImgRun` wraps this one `p`'s `init` and `sample`, because an error raised there reaches the user, while one
raised in a script callback is printed and the picture is made without the effect. Everything that it changes on `p` is
changed back before the wrapped function returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import cv2
import numpy as np
import torch
from fastapi import HTTPException
from PIL import Image

from modules import images, shared
from modules.processing import StableDiffusionProcessingImg2Img

from .. import change_map, change_picture, fan, fan_picture, infotext, plan, texture
from ..change_map import Bounds, Extent
from ..pin import laid_over
from ..settings import (
    FIELDS,
    NAME,
    Refused,
    Settings,
    Source,
    as_after_fan,
    as_painted,
    named,
    parse,
    parse_as_fan,
    tag_of,
)
from . import latents, makers, maps, script_choice
from .geometry import Geometry
from .lost_texture import LostTexture, NotGivenBack
from .masks import FILL_KEEPS_ORIGINAL, Inpainting, picture_of
from .patches import StandIn, changed, restore_method
from .samplers import PinnedSampler, schedule_of
from .tiles import CUTS_TILES, MASKS_ITS_TILES, Blend, Given, Tile, is_detection

RUN = "differential_diffusion_run"
"""Name under which a run stands on its `p`, so that the host's callbacks find it."""

FAN_TICKETS = fan.FanTickets()


class ShownOnPage(Exception):
    """The hosts' pages write an error as the name of its class and its message."""


ShownOnPage.__name__ = NAME


def begin(p: Any, arguments: Sequence[Any]) -> None:
    """Before a run of `p`: put the effect on it if its script arguments ask for that.

    Args:
        arguments: of `settings.named` and `settings.tag_of`.
    """
    if not isinstance(p, StableDiffusionProcessingImg2Img):
        return
    Img2ImgRun.detach(p)
    infotext.remove(p.extra_generation_params)
    if is_detection(p):
        if Img2ImgRun.finishing is not None:
            Img2ImgRun.finishing.attach_inside(p)
        return
    Img2ImgRun.finishing = None
    if not arguments:  # of a host that is still starting
        return
    is_by_hand = len(arguments) > len(FIELDS)  # the page alone brings a tag
    try:
        values = named(arguments)
        turn = FAN_TICKETS.turn(tag_of(arguments), shared.state.time_start)
        if turn is fan.Turn.AFTER:
            values = as_after_fan(values, p.image_mask is not None)
        settings = parse_as_fan(values) if turn is fan.Turn.FAN else parse(values)
    except Exception as error:
        _end_with(p, error, is_by_hand)
        return
    if settings is None:
        if turn is fan.Turn.AFTER and named(arguments)["enabled"]:
            p.comment(f"{NAME} was off: nothing is painted, so the whole picture was changed.")
        return
    reason = _why_not(p)
    if reason is not None:
        p.comment(f"{NAME} was off: {reason}.")
        return
    try:
        _needs_one_run(p, settings)
        Img2ImgRun(p, settings, is_by_hand).attach()
    except Exception as error:
        _end_with(p, error, is_by_hand)


def give_back_texture(p: Any, results: torch.Tensor) -> None:
    """After the pictures of one batch were decoded: float (B, 3, H, W) in 0..1, changed in place."""
    run = Img2ImgRun.on(p)
    if run is not None:
        run.give_back_texture(results)


def look_at(p: Any, picture: Any) -> None:
    """Before one picture is laid together (`PostprocessImageArgs`)."""
    run = Img2ImgRun.on(p)
    if run is not None:
        run.made = picture.image.size


def composite(p: Any, overlay: Any) -> None:
    """When one picture is laid together: replace the host's overlay (`PostProcessMaskOverlayArgs`) by ours."""
    run = Img2ImgRun.on(p)
    if run is not None:
        run.show(overlay)


def finish_picture(p: Any, picture: Any) -> None:
    """After one picture was laid together (`PostprocessImageArgs`)."""
    run = Img2ImgRun.on(p)
    if run is not None:
        run.pictures.append(picture)


def end(p: Any, processed: Any) -> None:
    """After a run of `p` (`Processed`): take everything of ours off it, except what its infotext says."""
    run = Img2ImgRun.on(p)
    if run is not None:
        run.give_tiles_not_reached(processed)
        run.add_labelled_fans(processed)
        run.add_changes(processed)
        run.keep_map()
    Img2ImgRun.detach(p)


def _end_with(p: Any, error: Exception, is_by_hand: bool) -> None:
    """Let this run end with `error`. Raised here, in a script callback, the host would print it and go on."""

    def fail(*_: Any) -> None:
        del p.init
        raise _as_shown(p, error, is_by_hand)

    p.init = fail


def _as_shown(p: Any, error: Exception, is_by_hand: bool) -> Exception:
    """`error` as the host can show it: of an API request hosts hand on the message of an HTTPException only."""
    if not isinstance(error, Refused):
        return error
    if p.is_api:
        return HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    return ShownOnPage(error.on_page) if is_by_hand else error


def _why_not(p: Any) -> str | None:
    """Why the effect must stay off in this run; None if it need not."""
    script = script_choice.chosen(p)
    if script in script_choice.WITHOUT_US:
        return f'script "{script}": {script_choice.WITHOUT_US[script]}'
    if script in CUTS_TILES and not all(map(Tile.of, p.init_images)):
        return f'script "{script}": this WebUI does not tell where its tiles lie'
    if p.latent_mask is not None:
        return "another script masks the latent"
    return None


def _needs_one_run(p: Any, settings: Settings) -> None:
    """Raises Refused for a strength fan that would be made of each tile."""
    script = script_choice.chosen(p)
    if settings.source is Source.FAN and script in (*CUTS_TILES, *MASKS_ITS_TILES):
        raise Refused(
            f'a strength fan is made by one run, and script "{script}" makes one for each tile. Choose another source, '
            "or no script."
        )


class Img2ImgRun:
    """The effect on one run of `p`.

    Args:
        is_by_hand: whether it was started on the page, and not by a request or another program.
        outer: the run in whose result this one makes a part again; None for most.

    Attributes:
        finishing: the run whose pictures are being finished now; the hosts carry out one at a time.
        pictures: the run's results (`PostprocessImageArgs`), which other extensions may still replace.
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
        script = script_choice.chosen(p)
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
        self.pictures: list[Any] = []
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

    def give_tiles_not_reached(self, processed: Any) -> None:
        """After an interrupt, let the script have its tiles as they were: it would put black in their place."""
        if self._is_cut and not self.pictures:
            processed.images += [image.convert("RGB") for image in self._p.init_images]

    def add_labelled_fans(self, processed: Any) -> None:
        """Put a labelled picture for each fan before the pictures of the run where people look at them, after them
        where a program does: the run's own pictures stay where it expects them."""
        if not self._parts:
            return
        is_for_people = not self._p.is_api and not script_choice.chosen(self._p)
        first = processed.index_of_first_image
        for index, (result, text) in enumerate(self._with_infotext(processed)):
            picture = fan_picture.labelled(
                result.image, self._view, self._settings.fan_axis, self._parts, self._p.steps
            )
            at = first + index if is_for_people else len(processed.images)
            self._add(processed, index, at, picture, infotext.of_labelled_fan(text), "-fan")
            processed.index_of_first_image += is_for_people

    def add_changes(self, processed: Any) -> None:
        """Put a heat map of what changed for each picture after the pictures of the run, and say how well that
        followed the map."""
        if not self._settings.show_change or not self._is_pinned:
            return
        if self._is_part:
            self._p.comment(f"{NAME}: what changed is not shown of a picture that is made in tiles.")
            return
        area = self._geometry.area
        asked = self._strengths.cells / self._strengths.run
        inputs = [self._geometry.unchanged(image) for image in self._p.init_images]
        for index, (result, text) in enumerate(self._with_infotext(processed)):
            before = inputs[index % len(inputs)]
            if result.image.size != before.size:
                processed.comments += f"{NAME}: what changed was not measured; another extension resized the picture.\n"
                return
            changes = asked[index % len(asked)]
            change = change_picture.measure(before.crop(area.box), result.image.crop(area.box), changes)
            heat = change_picture.drawn(change)
            said = infotext.of_change(text, change.cam, change.dam)
            self._add(processed, index, len(processed.images), heat, said, "-change")
            figures = f" ({change.figures}; 1 and 0 are perfect)" if change.figures else ""
            processed.comments += f"{NAME}, picture {index + 1}: {change.sentence}{figures}.\n"

    def _add(self, processed: Any, index: int, at: int, picture: Image.Image, text: str, suffix: str) -> None:
        """Put a picture that belongs to the run's picture `index` at place `at`, and save it as the host saves that."""
        p = self._p
        picture.info["parameters"] = text
        processed.images.insert(at, picture)
        processed.infotexts.insert(at, text)
        if p.save_samples():
            seed, prompt = p.all_seeds[index], p.all_prompts[index]
            kind = shared.opts.samples_format
            images.save_image(picture, p.outpath_samples, "", seed, prompt, kind, info=text, p=p, suffix=suffix)

    def keep_map(self) -> None:
        if self._is_pinned:
            maps.keep(self._p, self._settings, self._is_part)

    def _with_infotext(self, processed: Any) -> list[tuple[Any, str]]:
        """The run's results, each with its infotext."""
        # the host lists masks that it returns among the pictures, but without infotext
        processed.infotexts += [""] * (len(processed.images) - len(processed.infotexts))
        return list(zip(self.pictures, processed.infotexts[processed.index_of_first_image :]))

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
                raise _as_shown(self._p, error, self._is_by_hand) from None
            raise

    def _init_with_map(self, *args: Any, **kwargs: Any) -> None:
        p = self._p
        latents.needs_a_picture_to_change()
        if not self._is_composed():
            self._compose()
        prepare = self._prepare_by_its_mask if self._is_masked else self._prepare
        self._on_canvas = prepare(*args, **kwargs)
        latents.needs_one_frame(p.init_latent)
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
