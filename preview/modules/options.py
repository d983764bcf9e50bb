"""The settings that the preview knows, with the WebUI's names and defaults."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "sd_model_checkpoint": "",
    "sd_vae_encode_method": "Full",
    "samples_format": "png",
    "enable_pnginfo": True,
    "return_grid": True,
    "return_mask": False,
    "return_mask_composite": False,
    "img2img_fix_steps": False,
    "img2img_extra_noise": 0.0,
    "img2img_background_color": "#ffffff",
    "initial_noise_multiplier": 1.0,
    "overlay_inpaint": True,
    "infotext_skip_pasting": [],
}


class Options:
    """Settings as attributes. An unknown name raises AttributeError, on reading and on writing."""

    data: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "data", dict(DEFAULTS))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(f"the preview has no option {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Sets one option. Raises TypeError if `value` is not of the default's type (an int will do for a float)."""
        if name not in self.data:
            raise AttributeError(f"the preview has no option {name!r}")
        expected = type(DEFAULTS[name])
        if expected is float and type(value) is int:
            value = float(value)
        if type(value) is not expected:
            raise TypeError(f"option {name!r} takes {expected.__name__}, not {type(value).__name__}")
        self.data[name] = value
