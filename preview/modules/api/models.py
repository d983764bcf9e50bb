"""What requests look like. Fields that the preview does not know are ignored, as in the WebUI.

The WebUI leaves the ranges of numbers to its page; here a number that no run can use is refused by its field's name.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

NOT_IN_THE_PREVIEW: dict[str, tuple[Any, ...]] = {
    "enable_hr": (None, False),
    "refiner_checkpoint": (None, "", "None"),
    "restore_faces": (None, False),
    "s_churn": (None, 0),
    "script_name": (None, "", "None"),
    "styles": (None, []),
    "subseed_strength": (None, 0),
    "tiling": (None, False),
}
"""Features that the preview lacks: the field that asks for each, and the values that leave it off."""


SEEDS = 2**63 - 1
"""The largest; the seeds of a batch go on from it, and torch takes up to twice as much."""


def _side() -> Any:
    return Field(512, ge=64, le=2048, multiple_of=8)


def _blur(default: int | None) -> Any:
    return Field(default, ge=0, le=512)


class ProcessingRequest(BaseModel):
    """What txt2img and img2img have in common. Names and defaults are the WebUI's."""

    prompt: str = ""
    negative_prompt: str = ""
    seed: int = Field(-1, ge=-1, le=SEEDS)
    sampler_name: str | None = None
    sampler_index: str | None = "Euler"
    scheduler: str | None = None
    batch_size: int = Field(1, ge=1, le=8)
    n_iter: int = Field(1, ge=1, le=100)
    steps: int = Field(50, ge=1, le=1000)
    cfg_scale: float = Field(7.0, ge=0, le=100)
    width: int = _side()
    height: int = _side()
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True

    enable_hr: Any = None
    refiner_checkpoint: Any = None
    restore_faces: Any = None
    s_churn: Any = None
    save_images: bool = False
    script_name: Any = None
    styles: Any = None
    subseed_strength: Any = None
    tiling: Any = None


class Txt2ImgRequest(ProcessingRequest):
    pass


class Img2ImgRequest(ProcessingRequest):
    """`init_images` and `mask` are base64 or data URLs."""

    init_images: list[str] | None = None
    mask: str | None = None
    resize_mode: int = Field(0, ge=0, le=3)
    denoising_strength: float = Field(0.75, ge=0, le=1)
    mask_blur: int | None = _blur(None)
    mask_blur_x: int = _blur(4)
    mask_blur_y: int = _blur(4)
    mask_round: bool = True
    inpainting_fill: int = Field(0, ge=0, le=3)
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = Field(0, ge=0, le=2048)
    inpainting_mask_invert: int = Field(0, ge=0, le=1)
    initial_noise_multiplier: float | None = Field(None, ge=0, le=10)
    include_init_images: bool = False


class PNGInfoRequest(BaseModel):
    image: str
