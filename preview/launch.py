"""Runs inside the prepared environment: one edit, or the page.

Python puts this file's folder on sys.path, which is what makes `modules` importable as in the WebUI.
"""

import sys

from arguments import parse


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
