"""Fixtures for the tests of the core and of every plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xrv_core.torchvision_guard import import_torchvision

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
    for name in ("XRV_OFFLINE", "XRV_MIRRORS", "XRV_REQUIRE_HASH", "XRV_PLUGINS", "XRV_TABLE_CACHE"):
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
