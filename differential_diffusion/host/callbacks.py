"""What the script does at each of the host's callbacks: put the effect on a run, hand on to it, take it off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from modules import shared
from modules.processing import StableDiffusionProcessingImg2Img

from .. import fan, infotext
from ..settings import FIELDS, NAME, Refused, Settings, Source, as_after_fan, named, parse, parse_as_fan, tag_of
from . import script_choice
from .refusals import end_with
from .run import Img2ImgRun
from .tiles import CUTS_TILES, MASKS_ITS_TILES, Tile, is_detection

FAN_TICKETS = fan.FanTickets()


def begin(p: Any, arguments: Sequence[Any]) -> None:
    """Before a run of `p`: put the effect on it if its script arguments ask for that.

    Args:
        arguments: of `settings.named` and `settings.tag_of`.
    """
    if not isinstance(p, StableDiffusionProcessingImg2Img):
        return
    is_copy = Img2ImgRun.finishing is not None and Img2ImgRun.finishing.is_on_copy(p)
    Img2ImgRun.detach(p)
    if is_copy:  # on which ADetailer lets other extensions begin once more
        return
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
        end_with(p, error, is_by_hand)
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
        end_with(p, error, is_by_hand)


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
        run.results.pictures.append(picture)


def end(p: Any, processed: Any) -> None:
    """After a run of `p` (`Processed`): take everything of ours off it, except what its infotext says."""
    run = Img2ImgRun.on(p)
    if run is not None and not run.is_on_copy(p):
        run.finish(processed)
    Img2ImgRun.detach(p)


def _why_not(p: Any) -> str | None:
    """Why the effect must stay off in this run; None if it need not."""
    script = script_choice.chosen(p)
    key = script_choice.key(script)
    if key in script_choice.WITHOUT_US:
        return f'script "{script}": {script_choice.WITHOUT_US[key]}'
    if key in CUTS_TILES and not all(map(Tile.of, p.init_images)):
        return f'script "{script}": this WebUI does not tell where its tiles lie'
    if p.latent_mask is not None:
        return "another script masks the latent"
    return None


def _needs_one_run(p: Any, settings: Settings) -> None:
    """Raises Refused for a strength fan that would be made of each tile."""
    script = script_choice.chosen(p)
    if settings.source is Source.FAN and script_choice.key(script) in (*CUTS_TILES, *MASKS_ITS_TILES):
        raise Refused(
            f'a strength fan is made by one run, and script "{script}" makes one for each tile. Choose another source, '
            "or no script."
        )
