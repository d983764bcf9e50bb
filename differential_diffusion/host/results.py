"""The pictures that a run has made, and those that are added to them where people and programs look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from modules import images, shared

from .. import change_picture, fan, fan_picture, infotext
from ..change_map import Bounds
from ..fan import Axis
from ..settings import NAME
from . import script_choice
from .geometry import Geometry


class Results:
    """The results of one run of `p`.

    Attributes:
        pictures: as they were laid together (`PostprocessImageArgs`); other extensions may still replace them.
    """

    def __init__(self, p: Any) -> None:
        self._p = p
        self.pictures: list[Any] = []

    def add_labelled_fans(self, processed: Any, view: Bounds, axis: Axis, parts: Sequence[fan.Part]) -> None:
        """Put a labelled picture for each fan before the pictures of the run where people look at them, after them
        where a program does: the run's own pictures stay where it expects them.

        Args:
            view, axis, parts: see `fan_picture.labelled`.
        """
        is_for_people = not self._p.is_api and not script_choice.chosen(self._p)
        first = processed.index_of_first_image
        for index, (result, text) in enumerate(self._with_infotext(processed)):
            picture = fan_picture.labelled(result.image, view, axis, parts, self._p.steps)
            at = first + index if is_for_people else len(processed.images)
            self._add(processed, index, at, picture, infotext.of_labelled_fan(text), "-fan")
            processed.index_of_first_image += is_for_people

    def add_changes(self, processed: Any, geometry: Geometry, asked: np.ndarray) -> None:
        """Put a heat map of what changed for each picture after the pictures of the run, and say how well that
        followed the map.

        Args:
            asked: how much each cell was to change, float (B, h, w) in 0..1, of each picture or of all (B = 1).
        """
        area = geometry.area
        inputs = [geometry.unchanged(image) for image in self._p.init_images]
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
            figures = f" (CAM {change.cam:.2f}, at best 1; DAM {change.dam:.1f}, at best 0)" if change.figures else ""
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

    def _with_infotext(self, processed: Any) -> list[tuple[Any, str]]:
        """The run's results, each with its infotext."""
        # the host lists masks that it returns among the pictures, but without infotext
        processed.infotexts += [""] * (len(processed.images) - len(processed.infotexts))
        return list(zip(self.pictures, processed.infotexts[processed.index_of_first_image :]))
