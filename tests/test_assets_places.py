"""Assets without a server: placed by hand, from a mirror on disk, inside packages; and disks that refuse."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asset_server import AssetServer, by_hand, error, hashed, server

from xrv_core import Asset, fetch
from xrv_core.assets import asset_path, asset_state, cache_dir
from xrv_core.errors import ArgumentError, AssetError, HashMismatch, OfflineError

__all__ = ["hashed", "server"]

BODY = b"chest x-ray" * 100
SHA = hashlib.sha256(BODY).hexdigest()
WRONG = hashlib.sha256(b"wrong").hexdigest()
REINSTALL = "pip install --force-reinstall xrv-fake-net"
UNVERIFIED = ", unverified (no published sha256)"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package that must not be imported, with a file inside."""
    folder = tmp_path / "site" / "xrv_fake_net"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "weights" / "w.bin").write_bytes(BODY)
    monkeypatch.setattr(sys, "path", [str(folder.parent), *sys.path])
    return folder


def shipped(sha256: str | None = SHA, *more: str, inner: str = "weights/w.bin") -> Asset:
    return Asset(name="fake/w.bin", urls=(f"package://xrv_fake_net/{inner}", *more), sha256=sha256)


# -- offline


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_offline(server: AssetServer, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    cached, absent = server.serve("/c.bin", BODY), server.serve("/d/a.bin", BODY)
    fetch(cached)
    monkeypatch.setenv("XRV_OFFLINE", value)
    monkeypatch.setenv("XRV_MIRRORS", "https://me:secret@mirror.example/x")
    assert fetch(cached).read_bytes() == BODY
    message = error(OfflineError, lambda: fetch(absent), "'d/a.bin'", "Unset XRV_OFFLINE")
    assert message.split("\n")[1:3] == [
        "  https://mirror.example/x/d/a.bin: not asked",
        f"  {absent.urls[0]}: not asked",
    ]
    assert f"save the file as {asset_path(absent)} (sha256 {SHA}, 1,100 bytes)" in message
    assert not asset_path(absent).parent.exists()
    by_hand(absent, BODY)
    assert fetch(absent).read_bytes() == BODY
    assert [r.path for r in server.log] == ["/c.bin"]


def test_offline_still_reads_a_mirror_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    monkeypatch.setenv("XRV_MIRRORS", f"file://{tmp_path}")
    asset = Asset(name="d/w.bin", urls=("https://host.example/w.bin",), sha256=SHA)
    error(
        OfflineError,
        lambda: fetch(asset),
        f"\n  file://{tmp_path}/d/w.bin: cannot be read: No such file or directory\n",
        "\n  https://host.example/w.bin: not asked\n",
        f"save the file as {asset_path(asset)} (sha256 {SHA})",
    )
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "w.bin").write_bytes(BODY)
    assert fetch(asset).read_bytes() == BODY


@pytest.mark.parametrize("value", ["0", "false", "No", "off", ""])
def test_not_offline(server: AssetServer, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XRV_OFFLINE", value)
    assert fetch(server.serve("/w.bin", BODY)).exists()


@pytest.mark.parametrize("name", ["XRV_OFFLINE", "XRV_REQUIRE_HASH"])
def test_a_switch_is_on_or_off(server: AssetServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "maybe")
    asset = server.serve("/w.bin", BODY, hashed=False)
    error(ArgumentError, lambda: fetch(asset), name, "'maybe'", "1 or 0")
    assert server.log == []


# -- files inside packages


def test_a_shipped_file_is_used_in_place_and_hashed_once(package: Path, hashed: list[str]) -> None:
    assert asset_state(shipped()) == "shipped with the plugin"
    assert asset_state(shipped(None)) == f"shipped with the plugin{UNVERIFIED}"
    for _ in range(3):
        assert fetch(shipped()) == package / "weights" / "w.bin"
    assert hashed == ["w.bin"]
    assert [p.name for p in (cache_dir() / "fake").iterdir()] == [".w.bin.json"]
    assert "xrv_fake_net" not in sys.modules


def test_a_dotted_module_is_a_folder(package: Path) -> None:
    asset = Asset(name="w.bin", urls=("package://xrv_fake_net.weights/w.bin",), sha256=SHA)
    assert fetch(asset) == package / "weights" / "w.bin"


def test_a_damaged_shipped_file(package: Path) -> None:
    (package / "weights" / "w.bin").write_bytes(b"wrong")
    error(HashMismatch, lambda: fetch(shipped()), f"{package}/weights/w.bin", "'fake/w.bin'", WRONG, SHA, REINSTALL)


@pytest.mark.usefixtures("package")
def test_a_missing_shipped_file() -> None:
    asset = shipped(inner="none.bin")
    assert asset_state(asset) == "missing from its package"
    error(AssetError, lambda: fetch(asset), "'fake/w.bin'", "'xrv_fake_net'", "no file 'none.bin'", REINSTALL)


def test_a_missing_package() -> None:
    error(AssetError, lambda: fetch(shipped()), "'fake/w.bin'", "'xrv_fake_net'", "is not installed", REINSTALL)


@pytest.mark.usefixtures("package")
def test_a_missing_shipped_file_is_downloaded_where_it_can_be(server: AssetServer) -> None:
    asset = shipped(SHA, server.serve("/w.bin", BODY).urls[0], inner="none.bin")
    assert asset_state(asset) == "not fetched"
    assert fetch(asset) == cache_dir() / "fake" / "w.bin"


# -- the disk


def test_a_folder_in_the_place_of_the_file(server: AssetServer) -> None:
    asset = server.serve("/d/w.bin", BODY)
    asset_path(asset).mkdir(parents=True)
    error(AssetError, lambda: fetch(asset), str(asset_path(asset)), "is a folder", "'d/w.bin'", "Move")
    assert server.log == []


def test_a_file_in_the_place_of_the_folder(server: AssetServer) -> None:
    asset = server.serve("/d/e/w.bin", BODY)
    cache_dir().joinpath("d").write_text("")
    refused = f"Cannot write to the cache folder {cache_dir()}/d/e: Not a directory ({cache_dir()}/d/e)"
    error(AssetError, lambda: fetch(asset), refused, "XRV_CACHE_DIR")
    assert server.log == []


def test_a_folder_in_the_place_of_the_part(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    part = asset_path(asset).with_name("w.bin.part")
    part.mkdir()
    refused = f"Cannot write to the cache folder {cache_dir()}: Is a directory ({part})"
    error(AssetError, lambda: fetch(asset), refused, "XRV_CACHE_DIR")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache with ``w.bin`` that this user may read but not write; root steps down for the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "w.bin").write_bytes(BODY)
        folder.chmod(0o555)
        monkeypatch.setenv("XRV_CACHE_DIR", name)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def as_owner(action: Callable[[], object]) -> None:
    """Do something to a folder of the fixture ``read_only``."""
    user = os.geteuid()
    os.seteuid(os.getuid())
    action()
    os.seteuid(user)


def test_a_read_only_cache(read_only: Path, server: AssetServer, hashed: list[str]) -> None:
    asset = server.serve("/w.bin", BODY)
    assert [fetch(asset), fetch(asset)] == [read_only / "w.bin"] * 2
    assert hashed == ["w.bin", "w.bin"]
    other = server.serve("/v.bin", BODY)
    refused = f"Cannot write to the cache folder {read_only}: Permission denied ({read_only}/.v.bin.lock)"
    error(AssetError, lambda: fetch(other), refused, "XRV_CACHE_DIR")
    assert server.log == []


def test_a_first_use_that_cannot_be_written_down_is_no_use(read_only: Path, server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, hashed=False)
    error(AssetError, lambda: fetch(asset), f"Cannot write to the cache folder {read_only}", "denied", "XRV_CACHE_DIR")


def test_a_file_that_may_not_be_read(read_only: Path, server: AssetServer) -> None:
    asset = server.serve("/d/w.bin", BODY)
    as_owner(lambda: (read_only.chmod(0o755), (read_only / "d").mkdir(), (read_only / "d/w.bin").touch(0o000)))
    error(AssetError, lambda: fetch(asset), f"{read_only}/d/w.bin cannot be read: Permission denied", "permissions")


def test_a_cache_that_may_not_be_entered(read_only: Path, server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    as_owner(lambda: read_only.chmod(0o000))
    assert asset_state(asset) == "not fetched"
    refused = f"Cannot write to the cache folder {read_only}: Permission denied ({read_only}/.w.bin.lock)"
    error(AssetError, lambda: fetch(asset), refused, "XRV_CACHE_DIR")
