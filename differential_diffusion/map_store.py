"""The change maps of saved pictures, kept on the user's disk by their digest, so that a picture can be made again."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from . import change_map

MOST_MAPS = 500
MOST_BYTES = 256 * 1024**2


class MapStore:
    """A folder of grey PNG files, bounded in number and in size: the maps that were used least recently go first.

    Args:
        folder: made when the first map is kept.
    """

    def __init__(self, folder: Path, most_maps: int = MOST_MAPS, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_maps = most_maps
        self._most_bytes = most_bytes

    def keep(self, grey: np.ndarray) -> None:
        """Keep a map's picture, uint8 (H, W)."""
        file = self._folder / f"{change_map.digest(grey)}.png"
        if file.exists():
            file.touch()
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(change_map.encode(grey))
        unfinished.replace(file)
        self._forget_oldest(but=file)

    def find(self, digest: str) -> bytes | None:
        """The PNG file of a map; None if it is not here, or if `digest` is none: nothing else becomes a path."""
        if not re.fullmatch(change_map.DIGEST_FORM, digest):
            return None
        try:
            return (self._folder / f"{digest}.png").read_bytes()
        except FileNotFoundError:
            return None

    def _forget_oldest(self, but: Path) -> None:
        """The newest stays even if it is too large alone: it is what was just asked for."""
        stats = {file: file.stat() for file in self._folder.glob("*.png")}
        newest_first = sorted(stats, key=lambda file: (file == but, stats[file].st_mtime_ns), reverse=True)
        total = 0
        for place, file in enumerate(newest_first):
            total += stats[file].st_size
            if file != but and (place >= self._most_maps or total > self._most_bytes):
                file.unlink()
