"""The plugin that people copy works, from nothing but its folder."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import xrv_core

TOY = Path(__file__).parent.parent / "docs/examples/xrv-toy"


@pytest.fixture
def toy_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As pip would install it: its source on the path, and its metadata beside."""
    project = tomllib.loads((TOY / "pyproject.toml").read_text())["project"]
    info = tmp_path / f"xrv_toy-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = "\n".join(f"{name} = {module}" for name, module in project["entry-points"]["xrv_core"].items())
    (info / "entry_points.txt").write_text(f"[xrv_core]\n{entries}\n")
    monkeypatch.syspath_prepend(str(TOY / "src"))
    monkeypatch.syspath_prepend(str(tmp_path))
    xrv_core.reload_plugins()
    yield
    monkeypatch.undo()
    for name in [n for n in sys.modules if n.split(".")[0] == "xrv_toy"]:
        del sys.modules[name]
    xrv_core.reload_plugins()


def test_it_is_found_and_opens_its_miniature(toy_installed: None, tmp_path: Path) -> None:
    assert "toy" in xrv_core.list_datasets()
    toy = xrv_core.get_dataset("toy", **xrv_core.miniature("toy", tmp_path / "miniature"))
    np.testing.assert_array_equal(toy.labels, [[0, 0], [0, 1], [1, 1]])
    assert toy.views == ["AP", "PA"]
    assert toy[2]["img"].shape == (1, 64, 64)


def test_its_code_fits_on_a_page() -> None:
    assert (TOY / "src/xrv_toy/dataset.py").read_text().count("\n") < 60
