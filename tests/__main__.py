"""`python tests`: prepares an environment with the standard library alone, then runs everything in it.

Anything but --gradio goes to pytest: `python tests -k painter`, `python tests --webui http://127.0.0.1:7860`.
`python tests --bench [NAME ...]` prints the tables of tests/benchmarks instead.
"""

import argparse
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
sys.path.insert(0, str(ROOT / "preview"))

import bootstrap  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests", add_help=False)
    parser.add_argument("--gradio", type=int, choices=(3, 4), default=4)
    parser.add_argument("--bench", action="store_true")
    options, others = parser.parse_known_args()
    requirements = [ROOT / "preview" / f"requirements-gradio{options.gradio}.txt", TESTS / "requirements.txt"]
    if options.bench:
        python = bootstrap.ensure([*requirements, TESTS / "benchmarks" / "requirements.txt"])
        return bootstrap.run(python, [str(TESTS / "benchmarks" / "__main__.py"), *others])
    python = bootstrap.ensure(requirements)
    return bootstrap.run(python, ["-m", "pytest", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *others])


if __name__ == "__main__":
    sys.exit(main())
