"""Black-box tests: the WebUI given with --webui, or else the preview."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from webui.client import WebUI
from webui.samplers import DRAWS, KNOWN, VARIANTS, Sampler


@pytest.fixture(scope="session")
def webui(request: pytest.FixtureRequest, webui: str) -> Iterator[WebUI]:
    checkpoint = request.config.getoption("--checkpoint")
    client = WebUI(webui, checkpoint)
    if checkpoint is not None:
        client.needs_checkpoint(checkpoint)
    with client.options_set(sd_model_checkpoint=checkpoint, skip_early_cond=-1 if client.is_classic else None):
        if checkpoint is not None and client.model.get("is_flow"):
            # as Forge's own presets have it: with "Automatic" its Stable Diffusion 3 ends in NaN, by two levels of 0
            client.defaults["scheduler"] = "Simple"
        yield client


@pytest.fixture(autouse=True)
def options_are_restored(webui: WebUI) -> Iterator[None]:
    yield
    webui.restore_options()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`offered`: every sampler that the WebUI has; `kind`: and those with other options; `drawing`: of these, whose
    noise is drawn in order."""
    offered = [KNOWN.get(name, Sampler(name)) for name in _offered(metafunc.config.getoption("--webui"))]
    kinds = [*offered, *(variant for variant in VARIANTS if variant.name in {sampler.name for sampler in offered})]
    drawing = [kind for kind in kinds if kind.why == DRAWS]
    for name, values in {"offered": offered, "kind": kinds, "drawing": drawing}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=str)


@cache
def _offered(url: str | None) -> list[str]:
    if url:
        return WebUI(url).samplers
    from modules import sd_samplers  # the preview's

    return list(sd_samplers.all_samplers_map)


def pytest_report_header(config: pytest.Config) -> str | None:
    url = config.getoption("--webui")
    return f"{url}: {WebUI(url).versions}" if url else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The samplers' figures as a table: what tests/webui/README.md has of each WebUI."""
    figures: dict[str, dict[str, str]] = {}
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            for sampler, values in report.user_properties:
                row = figures.setdefault(sampler, {})
                row |= {name: max(value, row.get(name, "")) for name, value in values.items()}
    columns = ("white, grey", "seam", "region")
    if figures:
        terminalreporter.section("samplers")
        for row in (("sampler", *columns), ("---",) * 4, *((s, *map(v.get, columns)) for s, v in figures.items())):
            terminalreporter.write_line("| " + " | ".join(cell or "" for cell in row) + " |")
