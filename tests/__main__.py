"""`python tests`: prepares an environment with the standard library alone, then runs everything in it.

Anything but --gradio goes to pytest: `python tests -k painter`, `python tests --webui http://127.0.0.1:7860`.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "preview"))

import bootstrap  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests", add_help=False)
    parser.add_argument("--gradio", type=int, choices=(3, 4), default=4)
    options, for_pytest = parser.parse_known_args()
    requirements = [ROOT / "preview" / f"requirements-gradio{options.gradio}.txt", ROOT / "tests" / "requirements.txt"]
    python = bootstrap.ensure(requirements)
    return bootstrap.run(
        python, ["-m", "pytest", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *for_pytest]
    )


if __name__ == "__main__":
    sys.exit(main())
