"""Fixtures for the tests of the core and of every plugin."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import xrv_core
from xrv_core.torchvision_guard import import_torchvision

# A deadline of 200 ms for an example says how busy the machine is, not whether the code is right.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

# torchxrayvision, the reference of the parity tests, imports torchvision without our guard.
import_torchvision()

# The developer's own registries are no part of what is tested; tests ask for names while they are collected.
for _name in ("XRV_REGISTRIES", "XRV_REGISTRY_TOKEN"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).parent
REALDATA = Path(os.environ.get("XRV_REALDATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test gets an empty cache, and no test reaches the network by accident."""
    monkeypatch.setenv("XRV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    for name in (
        "XRV_OFFLINE",
        "XRV_MIRRORS",
        "XRV_TRUST_MIRRORS",
        "XRV_REQUIRE_HASH",
        "XRV_PLUGINS",
        "XRV_TABLE_CACHE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real images and tables; tests that use it skip where it is absent."""
    if not REALDATA.is_dir():
        pytest.skip(f"no real data at {REALDATA} (set XRV_REALDATA)")
    return REALDATA


@pytest.fixture(scope="session")
def xrv_tables() -> Path:
    """The folder of real metadata tables inside the torchxrayvision package."""
    torchxrayvision = pytest.importorskip("torchxrayvision")
    return Path(torchxrayvision.__file__).parent / "data"


# -- plugins as distributions on disk, as pip would leave them

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
