"""Where things lie."""

from pathlib import Path

PREVIEW = Path(__file__).resolve().parents[1]
EXTENSION = PREVIEW.parent
DEMO_MODEL = PREVIEW / "model"

script_path = str(PREVIEW)
