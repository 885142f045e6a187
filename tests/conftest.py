"""Fixtures of the core's tests: plugins as distributions on disk, as pip would leave them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import xrv_core

SPEC = """
def dataset(name, **more):
    return xrv_core.DatasetSpec(
        name=name, title="A toy", factory="toy_code:Toy", licence="CC0", citation="none",
        homepage="https://example.org", obtain="Nothing to obtain.", **more)
"""
HEAD = "import xrv_core\nfrom xrv_core import hookimpl\n" + SPEC

Install = Callable[..., None]


def write_plugin(folder: Path, distribution: str, source: str, *, entry: str, version: str = "1.0") -> None:
    """Write the distribution and its module ``<entry>_plugin``."""
    module = f"{distribution.replace('-', '_')}_plugin"
    (folder / f"{module}.py").write_text(HEAD + textwrap.dedent(source))
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[xrv_core]\n{entry} = {module}\n")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install("xrv-toy", source)`` makes a plugin that is there until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def put(distribution: str, source: str, *, entry: str | None = None) -> None:
        write_plugin(tmp_path, distribution, source, entry=entry or distribution.removeprefix("xrv-"))
        xrv_core.reload_plugins()

    yield put
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if name.endswith("_plugin") or name == "toy_code":
            del sys.modules[name]
    xrv_core.reload_plugins()
