"""The settings that the preview knows, with the WebUI's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import ImageColor

from modules import paths

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
    "samples_save": False,
    "outdir_img2img_samples": str(Path(paths.data_path) / "img2img"),
}

CHOICES = {"samples_format": ("png", "jpg", "jpeg", "webp"), "sd_vae_encode_method": ("Full",)}
LIMITS = {"img2img_extra_noise": (0.0, 10.0), "initial_noise_multiplier": (0.0, 10.0)}


@dataclass(frozen=True)
class OptionInfo:
    """A setting of an extension, with its place among the WebUI's."""

    default: Any
    label: str = ""
    section: tuple[str, str] | None = None


class Options:
    """Settings as attributes. An unknown name raises AttributeError, on reading and on writing."""

    data: dict[str, Any]
    defaults: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "data", dict(DEFAULTS))
        object.__setattr__(self, "defaults", dict(DEFAULTS))

    def add_option(self, name: str, info: OptionInfo) -> None:
        self.defaults[name] = info.default
        self.data.setdefault(name, info.default)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(f"the preview has no option {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Sets one option. Raises as `checked` does."""
        self.data[name] = self.checked(name, value)

    def checked(self, name: str, value: Any) -> Any:
        """`value` as it would be kept. Raises AttributeError for an unknown name, TypeError if `value` is not of the
        default's type (an int will do for a float; a list is one of texts), ValueError for a colour that is none, a
        number out of range, or a text that is none of those allowed."""
        if name not in self.data:
            raise AttributeError(f"the preview has no option {name!r}")
        expected = type(self.defaults[name])
        if expected is float and type(value) is int:
            value = float(value)
        if type(value) is not expected:
            raise TypeError(f"option {name!r} takes {expected.__name__}, not {type(value).__name__}")
        if expected is list and not all(isinstance(entry, str) for entry in value):
            raise TypeError(f"option {name!r} takes a list of texts")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"option {name!r} takes {', '.join(CHOICES[name])}, not {value[:60]!r}")
        low, high = LIMITS.get(name, (value, value))
        if not low <= value <= high:
            raise ValueError(f"option {name!r} takes {low:g} to {high:g}, not {value:g}")
        if name == "img2img_background_color":
            ImageColor.getrgb(value)
        return value
