"""The state that all of the host's modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.devices import device as device
from modules.options import OptionInfo as OptionInfo
from modules.options import Options
from modules.shared_state import State

if TYPE_CHECKING:
    from models.family import Family

opts = Options()
state = State()
sd_model: Family
"""Set by sd_models.load_model; a test may put another denoiser in its place."""
