"""Runs inside the prepared environment: one edit, or the page.

Python puts this file's folder on sys.path, which is what makes `modules` importable as in the WebUI.
"""

import os
import sys

from arguments import parse

# torch's threads sleep while they wait instead of spinning: on a busy machine a run is up to ten times as fast.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main() -> None:
    options = parse(sys.argv[1:])
    if options.command == "edit":
        from edit import edit

        edit(options)
    else:
        from page import serve

        serve(options)


if __name__ == "__main__":
    main()
