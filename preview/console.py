"""What a program says while it works. Standard library only."""

from __future__ import annotations

import sys
import time


class Status:
    """One line about what goes on: rewritten in place on a terminal, elsewhere written anew every few seconds."""

    EVERY = 10.0
    """Seconds between two lines where none can be rewritten."""
    WIDTH = 78

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._written = float("-inf")
        self._in_place = sys.stderr.isatty()

    def show(self, text: str) -> None:
        now = time.monotonic()
        seconds = int(now - self._started)
        line = f"  {seconds // 60}:{seconds % 60:02}  {text}"[: self.WIDTH]
        if self._in_place:
            print(f"\r{line:{self.WIDTH}}", end="", file=sys.stderr, flush=True)
        elif now - self._written >= self.EVERY:
            print(line, file=sys.stderr, flush=True)
            self._written = now

    def clear(self) -> None:
        """Makes room for what comes next."""
        if self._in_place:
            print("\r" + " " * self.WIDTH, end="\r", file=sys.stderr, flush=True)
