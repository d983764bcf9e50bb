"""The maps of saved pictures: kept where the host saves the picture, given back to the page that reads its infotext."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Response

from modules import paths, shared

from ..map_store import MapStore
from ..settings import NAME, Settings

ENDPOINT = "/differential-diffusion/map/{digest}"
OPTION = "differential_diffusion_keep_maps"
STORE = MapStore(Path(paths.data_path) / "differential-diffusion" / "maps")


def add_options() -> None:
    """When the host gathers its settings: one more, among those for saved pictures."""
    shared.opts.add_option(
        OPTION,
        shared.OptionInfo(
            True,
            f"{NAME}: keep the change maps of saved pictures, so that they can be made again",
            section=("saving-images", "Saving images/grids"),
        ),
    )


def keep(p: Any, settings: Settings, is_part: bool) -> None:
    """After a run of `p`: keep its map, if its pictures are saved and the user wants that.

    Args:
        is_part: whether a script makes a larger picture of several such runs, and saves that alone.
    """
    if settings.map is None:
        return
    # a host that never showed its settings has no such option, and no page to give a map back to
    is_saved = shared.opts.samples_save if is_part else p.save_samples()
    if getattr(shared.opts, OPTION, False) and is_saved:
        STORE.keep(settings.map)


def give_back(_page: Any, app: Any) -> None:
    """Once the host's `app` has started: let the page have a kept map."""
    app.add_api_route(ENDPOINT, _find, methods=["GET"])


def _find(digest: str) -> Response:
    file = STORE.find(digest)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such map is kept here")
    return Response(file, media_type="image/png")
