"""Runs inside the prepared environment: one edit, an export, or the page.

Python puts this file's folder on sys.path, which is what makes `modules` importable as in the WebUI. What takes
seconds to import is imported once it is clear that it will be needed.
"""

import os
import socket
import sys
from pathlib import Path

from arguments import parse

HOST = "127.0.0.1"

# torch's threads sleep while they wait instead of spinning: on a busy machine a run is up to ten times as fast.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Without these, libraries tell of their own caches and count files that are not there.
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
# The extension's own checks are the edit's; the script finds the package already here.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def main() -> None:
    options = parse(sys.argv[1:])
    try:
        if options.command == "edit":
            print(f"Editing {options.picture}", flush=True)
            from edit import edit

            edit(options)
        elif options.command == "export":
            from checkpoint import export

            export(options)
        else:
            listener = _listen(options.port)
            print(f"Loading the {'demo model' if options.model is None else options.model}", flush=True)
            from page import serve

            serve(options, listener)
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def _listen(port: int) -> socket.socket:
    """A bound socket, so that a port in use is an error now and not after the model is loaded."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        sys.exit(f"error: port {port} is in use ({error.strerror}); choose another with --port, or --port 0")
    return listener


if __name__ == "__main__":
    main()
