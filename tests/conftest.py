"""What the tests share: a browser, a running preview, and the command line's choice of another WebUI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import patience
import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
BLACK_BOX = TESTS / "webui"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported; preview/launch.py says why

DATA = tempfile.TemporaryDirectory(prefix="preview-data-")
os.environ["PREVIEW_DATA"] = DATA.name  # what tests keep does not belong among what the user keeps

# Repeatable, and without time limits on machines that do other things too.
hypothesis.settings.register_profile(
    "shared machine",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("shared machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--webui", metavar="URL", help="run the black-box tests against this WebUI, and no others")
    parser.addoption(
        "--section", metavar="NAME", help="run one section of the black-box tests: tests/webui/test_NAME.py"
    )
    parser.addoption(
        "--patience", metavar="FACTOR", type=float, default=1, help="multiply every time limit, for a slow machine"
    )
    parser.addoption("--checkpoint", metavar="NAME", help="the WebUI's checkpoint for all black-box tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gradio: may differ between gradio 3 and 4, and what comes with them")
    patience.factor = config.getoption("--patience")
    sections = sorted(file.stem.removeprefix("test_") for file in BLACK_BOX.glob("test_*.py"))
    if config.getoption("--section") not in (None, *sections):
        raise pytest.UsageError(f"there is no section {config.getoption('--section')}, only {', '.join(sections)}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no test file of which nothing is to run: all together take many seconds."""
    section = config.getoption("--section")
    if collection_path.is_dir() or not (section or config.getoption("--webui")):
        return None
    wanted = collection_path.parent == BLACK_BOX and section in (None, collection_path.stem.removeprefix("test_"))
    return None if wanted else True


def pytest_unconfigure() -> None:
    DATA.cleanup()


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        limit = item.get_closest_marker("timeout")
        limit = limit.args[0] if limit else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(patience.seconds(limit)), append=False)
        fixtures = set(getattr(item, "fixturenames", ()))
        if "browser" in fixtures and fixtures & {"preview", "webui"}:
            item.add_marker("gradio")  # a page of gradio's


@pytest.fixture(scope="module")
def host() -> Iterator[Any]:
    """A `PointwiseHost`: the preview in this process, with a model that looks at each cell alone."""
    from pointwise import PointwiseHost

    from modules import shared

    before = getattr(shared, "sd_model", None)
    yield PointwiseHost()
    shared.sd_model = before


class Server:
    """A preview in a process of its own, on a free port."""

    def __init__(self, *arguments: str) -> None:
        launch = str(ROOT / "preview" / "launch.py")
        command = [sys.executable, launch, "--port", "0", "--no-browser", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        announced = next(filter(None, (re.search(r"http://\S+", line) for line in self.process.stdout)), None)
        assert announced, "the preview ended before it announced its address; see its messages above"
        self.url = announced[0]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def preview() -> Iterator[str]:
    """The base URL of a running preview with the demo model."""
    server = Server("--no-example")
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def webui(request: pytest.FixtureRequest) -> str:
    """The base URL of the WebUI to test: the one named on the command line, else the preview."""
    return request.config.getoption("--webui") or request.getfixturevalue("preview")


@pytest.fixture(scope="session")
def browser():
    """A real Chromium. Without one the tests that use it are skipped, or fail where REQUIRE_BROWSER=1 is set."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        path = installed or playwright.chromium.executable_path
        if not Path(path).exists():
            missing = (
                "no browser: install Chromium (apt-get install chromium, or "
                f"{sys.executable} -m playwright install chromium) to run this test"
            )
            if os.environ.get("REQUIRE_BROWSER") == "1":
                pytest.fail(missing)
            pytest.skip(missing)
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
        arguments += ["--disable-background-networking", "--disable-component-update"]
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()
