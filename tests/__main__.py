"""`python tests`: prepares an environment with the standard library alone, then runs everything in it.

The rest goes to pytest: `python tests -k painter`, `python tests --webui http://127.0.0.1:7860 --section api`.
Test files run side by side, two for each processor, since those with a browser mostly wait (`-n 0`: one after the
other), except against a WebUI.
`python tests --bench [NAME ...]` prints the tables of tests/benchmarks instead.
`--patience FACTOR` multiplies every time limit, for a slow machine.
`--torch-index URL`: as in `python preview`.
"""

import argparse
import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
MOST_PROCESSES = 8
"""Each has a preview, and most a browser."""
sys.path.insert(0, str(ROOT / "preview"))

import bootstrap  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests", add_help=False)
    parser.add_argument("--gradio", type=int, choices=(3, 4), default=4)
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--torch-index")
    parser.add_argument("--webui")
    parser.add_argument("--section")
    options, others = parser.parse_known_args()
    preview = ROOT / "preview" / f"requirements-gradio{options.gradio}.txt"
    newest = bootstrap.NEWEST[options.gradio]
    extras = [TESTS / "requirements.txt"]
    python = bootstrap.ensure([preview], extras=extras, torch_index=options.torch_index, newest=newest)
    if options.bench:
        return bootstrap.run(python, [str(TESTS / "benchmarks" / "__main__.py"), *others])
    pytest = ["-m", "pytest", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    if options.webui:
        pytest += [f"--webui={options.webui}"]
    else:
        pytest += ["-n", str(min(2 * (os.cpu_count() or 1), MOST_PROCESSES)), "--dist", "loadfile"]
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch would start as many threads in each of them
    if options.section:
        pytest += [f"--section={options.section}"]  # "--section scripts" names a folder to pytest
    return bootstrap.run(python, [*pytest, *others])


if __name__ == "__main__":
    sys.exit(main())
