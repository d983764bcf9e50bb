"""Errors that must not stop the run are printed, as the WebUI does with those of a script's callback."""

import sys
import traceback


def report(message: str, *, exc_info: bool = False) -> None:
    """Prints `message` to stderr, with the current traceback if `exc_info`."""
    print("***", message, file=sys.stderr)
    if exc_info:
        print(traceback.format_exc(), file=sys.stderr)
