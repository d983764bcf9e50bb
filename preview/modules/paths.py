"""Where things lie."""

import os
from pathlib import Path

PREVIEW = Path(__file__).resolve().parents[1]
EXTENSION = PREVIEW.parent
DEMO_MODEL = PREVIEW / "model"

script_path = str(PREVIEW)
data_path = str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sd-webui-differential-diffusion" / "data"
)
"""Whatever the preview writes lies here, and it writes only what it is asked to keep."""
