"""Where things lie."""

import os
from pathlib import Path

from bootstrap import cache_folder

PREVIEW = Path(__file__).resolve().parents[1]
EXTENSION = PREVIEW.parent
DEMO_MODEL = PREVIEW / "model"

script_path = str(PREVIEW)
data_path = os.environ.get("PREVIEW_DATA") or str(cache_folder() / "data")
"""Whatever the preview writes lies here, and it writes only what it is asked to keep."""
