"""House rules for every plugin folder, and for the size of every room."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import xrv_core
from xrv_core.specs import KINDS
from xrv_core.specs.known import FAMILIES, KNOWN

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "plugins").glob("*/*/pyproject.toml"))
CODE = [
    *ROOT.glob("xrv_core/**/*.py"),
    *ROOT.glob("plugins/**/*.py"),
    *ROOT.glob("tests/**/*.py"),
    *ROOT.glob("docs/**/*.py"),
]


@pytest.fixture(params=FOLDERS, ids=lambda p: p.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def package(folder: Path) -> str:
    return folder.name.replace("-", "_")


def test_there_are_plugins() -> None:
    assert len(FOLDERS) >= 7
    assert {folder.parent.name for folder in FOLDERS} == {"datasets", "models", "tools"}


def test_the_folder_has_the_rooms_that_everybody_expects(folder: Path) -> None:
    assert folder.name.startswith("xrv-")
    for name in (
        "pyproject.toml",
        "README.md",
        f"src/{package(folder)}/__init__.py",
        f"src/{package(folder)}/plugin.py",
    ):
        assert (folder / name).is_file(), name
    assert list((folder / "tests").glob("test_*.py")), "a plugin brings its tests"
    expected = {"datasets": "dataset.py", "models": "model.py"}.get(folder.parent.name)
    assert expected is None or (folder / "src" / package(folder) / expected).is_file()


def test_its_pyproject_is_short_and_configures_no_tool(folder: Path) -> None:
    text = (folder / "pyproject.toml").read_text()
    table = tomllib.loads(text)
    assert set(table.get("tool", {})) <= {"hatch"}, "tool configuration lives in the root"
    assert table["project"]["name"] == folder.name
    assert table["project"]["license"] == "Apache-2.0"
    assert text.count("\n") <= 45
    (module,) = table["project"]["entry-points"]["xrv_core"].values()
    assert module == f"{package(folder)}.plugin"
    assert any(d.startswith("xrv-core") for d in table["project"]["dependencies"])


def test_it_is_installed_by_make_install(folder: Path) -> None:
    lines = [line for line in (ROOT / "plugins/requirements.txt").read_text().splitlines() if line.startswith("-e")]
    assert lines == sorted(lines)
    assert f"-e {folder.relative_to(ROOT).as_posix()}" in lines


def test_its_card_says_licence_and_how_to_use_it(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert text.startswith(f"# {folder.name}\n")
    assert "licence" in text.lower()
    assert "```" in text
    if folder.parent.name != "tools":
        assert "not for medical use" in text.lower()


def test_known_names_are_what_the_plugins_offer() -> None:
    offered = {
        kind: {name: p.distribution.split()[0] for p in xrv_core.plugins() for name in p.offers.get(kind, [])}
        for kind in KINDS
    }
    for kind in KINDS.keys() - {"command"}:
        describe = getattr(xrv_core, f"describe_{kind}")
        aliases = {a: owner for name, owner in offered[kind].items() for a in describe(name).aliases}
        offered[kind].update(aliases)
    ours = {folder.name for folder in FOLDERS}
    offered = {kind: {n: o for n, o in table.items() if o in ours} for kind, table in offered.items()}
    assert offered == KNOWN
    assert {owner for table in FAMILIES.values() for owner in table.values()} <= ours


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_room_is_out_of_hand(path: Path) -> None:
    """About 300 lines a file and 40 a function is where people look twice; well beyond that nobody finds his way."""
    text = path.read_text()
    assert text.count("\n") <= 450
    if "tests" in path.parts:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_nothing_is_left_to_do_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "raise NotImplemented" + "Error")
    found = [f"{p}: {m}" for p in CODE for m in marks if m in p.read_text() and p.name != Path(__file__).name]
    assert found == []
