"""What the page's Generate button runs."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from PIL import Image

from modules import errors, progress, scripts, shared
from modules.api.api import decode_base64_to_image
from modules.call_queue import queue_lock
from modules.masking import create_binary_mask
from modules.processing import StableDiffusionProcessingImg2Img, process_images

TAB_INPAINT, TAB_INPAINT_UPLOAD = 1, 2

PICTURES = ("init_img", "init_img_with_mask", "painted_mask", "init_img_inpaint", "init_mask_inpaint")
"""The fields that hold pictures; all others are attributes of the processing object by the same name."""

WHOLE_NUMBERS = ("seed", "steps", "width", "height", "n_iter", "batch_size", "mask_blur", "inpaint_full_res_padding")
"""The fields whose sliders gradio may send as floats."""

Result = tuple[list[Image.Image], str, str, str]
"""Pictures, generation info as JSON, infotext as HTML, log as HTML."""


def img2img(id_task: str, tab: int, fields: dict[str, Any], script_args: Sequence[Any]) -> Result:
    """Runs one job under `id_task` with the pictures of the tab numbered `tab`.

    `fields` are the values of the page's components by the names that they have in ui.py.
    An error becomes a visible message instead of pictures.
    """
    progress.add_task_to_queue(id_task)
    started = time.perf_counter()
    with queue_lock:
        shared.state.begin(job=id_task)
        progress.start_task(id_task)
        try:
            images, info, infotext, log = _img2img(tab, fields, script_args)
        except Exception as error:
            errors.report("Error completing request", exc_info=True)
            message = getattr(error, "detail", None) or f"{type(error).__name__}: {error}"
            images, info, infotext = [], "", ""
            log = f"<div class='error'>{html.escape(message)}</div>"
        finally:
            shared.state.end()
            progress.finish_task(id_task)
    return images, info, infotext, f"{log}<p class='time'>Time taken: {time.perf_counter() - started:.1f} sec.</p>"


def _img2img(tab: int, fields: dict[str, Any], script_args: Sequence[Any]) -> Result:
    if tab == TAB_INPAINT:
        image, mask = _picture_and_painted_mask(fields)
    elif tab == TAB_INPAINT_UPLOAD:
        image, mask = fields["init_img_inpaint"], fields["init_mask_inpaint"]
    else:
        image, mask = fields["init_img"], None
    if image is None:
        raise ValueError("Choose a picture first.")

    settings = {name: value for name, value in fields.items() if name not in PICTURES}
    settings |= {name: int(settings[name]) for name in WHOLE_NUMBERS}
    p = StableDiffusionProcessingImg2Img(
        sd_model=shared.sd_model,
        outpath_samples=shared.opts.outdir_img2img_samples,
        init_images=[image],
        mask=mask,
        **settings,
    )
    with closing(p):
        p.scripts = scripts.scripts_img2img
        p.script_args = (0, *script_args)
        processed = process_images(p)
    log = f"<p class='comments'>{html.escape(processed.comments)}</p>" if processed.comments else ""
    return processed.images, processed.js(), plaintext_to_html(processed.info), log


def _picture_and_painted_mask(fields: dict[str, Any]) -> tuple[Image.Image | None, Image.Image | None]:
    """From gradio 3's one component, or from gradio 4's two."""
    value = fields["init_img_with_mask"]
    if isinstance(value, dict):
        return value["image"], create_binary_mask(value["mask"])
    painted = fields.get("painted_mask")
    return value, decode_base64_to_image(painted) if painted else None


def plaintext_to_html(text: str) -> str:
    return "<p>" + "<br>\n".join(html.escape(line) for line in text.split("\n")) + "</p>"
