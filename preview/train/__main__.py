"""Train the preview's demo model from nothing: `python preview/train --help`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from preview.train.commands import main  # noqa: E402  (the repository has to be importable first)

if __name__ == "__main__":
    main()
