"""`python preview`: prepares an environment with the standard library alone, then starts `launch.py` in it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bootstrap  # noqa: E402
from arguments import parse  # noqa: E402

if __name__ == "__main__":
    options = parse(sys.argv[1:])
    python = bootstrap.ensure([HERE / f"requirements-gradio{options.gradio}.txt"])
    sys.exit(bootstrap.run(python, [str(HERE / "launch.py"), *sys.argv[1:]]))
