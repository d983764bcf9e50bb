"""Imports point one way: the numeric core knows neither host nor gradio, and only the script imports the edge."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "differential_diffusion"
PURE = [
    "adherence",
    "automatic",
    "change_map",
    "change_picture",
    "fan",
    "fan_picture",
    "infotext",
    "lettering",
    "map_store",
    "methods",
    "pin",
    "plan",
    "schedule",
    "session",
    "settings",
    "texture",
    "words",
]
EDGE = {"host", "panel"}


def imports_of(file: Path) -> set[str]:
    """Full names of what a file imports."""
    package = file.relative_to(ROOT).with_suffix("").parts
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", PURE)
def test_the_core_knows_neither_host_nor_gradio(module):
    for name in imports_of(LIBRARY / f"{module}.py"):
        assert name.split(".")[0] not in {"modules", "gradio"}, name
        assert not (name.startswith("differential_diffusion.") and name.split(".")[1] in EDGE), name


def test_only_host_imports_the_webui():
    importing = {f for f in LIBRARY.rglob("*.py") if any(name.split(".")[0] == "modules" for name in imports_of(f))}
    assert {f.parent for f in importing} == {LIBRARY / "host"}


def test_every_file_of_scripts_is_a_script():
    for file in (ROOT / "scripts").glob("*.py"):
        assert "scripts.Script" in file.read_text(), f"the WebUI runs {file.name} as a script"


def test_the_library_does_not_need_its_own_name():
    """Another extension may be called `differential_diffusion` too: the script loads ours under another name."""
    for file in LIBRARY.rglob("*.py"):
        absolute = [
            node.module
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and not node.level
        ]
        assert not [name for name in absolute if name.startswith("differential_diffusion")], file.name
