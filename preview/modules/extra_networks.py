"""Networks that a prompt asks for in angle brackets, such as LoRAs. The preview has none: prompts stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class ExtraNetworkParams:
    """What a prompt says of one network, between its colons."""

    items: list[str]


def parse_prompts(prompts: Sequence[str]) -> tuple[list[str], dict[str, list[ExtraNetworkParams]]]:
    """The prompts without their networks, and those of the first, by kind."""
    return list(prompts), {}


def activate(p: Any, extra_network_data: dict[str, list[ExtraNetworkParams]]) -> None:
    """Puts networks in force until `deactivate`, or until others take their place."""


def deactivate(p: Any, extra_network_data: dict[str, list[ExtraNetworkParams]]) -> None:
    pass
