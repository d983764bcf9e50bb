"""What requests look like. Fields that the preview does not know are ignored, as in the WebUI."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

NOT_IN_THE_PREVIEW: dict[str, tuple[Any, ...]] = {
    "enable_hr": (None, False),
    "refiner_checkpoint": (None, "", "None"),
    "restore_faces": (None, False),
    "s_churn": (None, 0),
    "save_images": (None, False),
    "script_name": (None, "", "None"),
    "styles": (None, []),
    "subseed_strength": (None, 0),
    "tiling": (None, False),
}
"""Features that the preview lacks: the field that asks for each, and the values that leave it off."""


class ProcessingRequest(BaseModel):
    """What txt2img and img2img have in common. Names and defaults are the WebUI's."""

    prompt: str = ""
    negative_prompt: str = ""
    seed: int = -1
    sampler_name: str | None = None
    sampler_index: str | None = "Euler"
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True

    enable_hr: Any = None
    refiner_checkpoint: Any = None
    restore_faces: Any = None
    s_churn: Any = None
    save_images: Any = None
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
    resize_mode: int = 0
    denoising_strength: float = 0.75
    mask_blur: int | None = None
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    include_init_images: bool = False


class PNGInfoRequest(BaseModel):
    image: str
