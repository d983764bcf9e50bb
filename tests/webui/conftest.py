"""Black-box tests: the WebUI given with --webui, or else the preview."""

from collections.abc import Iterator

import pytest

from webui.client import WebUI
from webui.samplers import SAMPLERS


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker("webui")


@pytest.fixture(scope="session")
def webui(webui: str) -> WebUI:
    return WebUI(webui)


@pytest.fixture(autouse=True)
def options_are_restored(webui: WebUI) -> Iterator[None]:
    yield
    webui.restore_options()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`offered`: every sampler that the WebUI has; of the preview, every one that it might have."""
    if "offered" in metafunc.fixturenames:
        url = metafunc.config.getoption("--webui")
        metafunc.parametrize("offered", WebUI(url).samplers if url else [sampler.name for sampler in SAMPLERS])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    section = config.getoption("--section", None)
    if section:
        others = [item for item in items if item.path.stem != f"test_{section}"]
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
