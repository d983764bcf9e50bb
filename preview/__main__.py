"""`python preview`: prepares an environment with the standard library alone, then starts `launch.py` in it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bootstrap  # noqa: E402
from arguments import parse  # noqa: E402


def main() -> int:
    options = parse(sys.argv[1:])
    requirements = {gradio: [HERE / f"requirements-gradio{gradio}.txt"] for gradio in (4, 3)}
    gradio = options.gradio
    if gradio is None:  # either will do
        gradio = next((known for known, files in requirements.items() if bootstrap.place_of(files).exists()), 4)
    try:
        python = bootstrap.ensure(
            requirements[gradio], torch_index=options.torch_index, newest=bootstrap.NEWEST[gradio]
        )
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing was kept.")
    return bootstrap.run(python, [str(HERE / "launch.py"), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
