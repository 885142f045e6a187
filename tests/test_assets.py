"""The cache: what is trusted, what is refused, and in which words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import platformdirs
import pytest
import torch
from asset_server import AssetServer, Fault, by_hand, error, hashed, server
from safetensors.torch import save

import xrv_core
from xrv_core import Asset, fetch
from xrv_core.assets import asset_path, asset_state, cache_dir, confirm
from xrv_core.errors import AssetError, CheckpointError, HashMismatch, UnverifiedAsset
from xrv_core.models import load_state_dict

__all__ = ["hashed", "server"]

BODY = b"chest x-ray" * 100
SHA = hashlib.sha256(BODY).hexdigest()
WRONG = hashlib.sha256(b"wrong").hexdigest()
UNVERIFIED = ", unverified (no published sha256)"


def record(asset: Asset) -> Path:
    path = asset_path(asset)
    return path.with_name(f".{path.name}.json")


# -- where


def test_the_folder_is_the_users_cache_unless_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XRV_CACHE_DIR", str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XRV_CACHE_DIR", "here")
    assert cache_dir() == tmp_path / "here"
    monkeypatch.setenv("XRV_CACHE_DIR", "~/here")
    assert cache_dir() == Path.home() / "here"
    for unset in (lambda: monkeypatch.setenv("XRV_CACHE_DIR", ""), lambda: monkeypatch.delenv("XRV_CACHE_DIR")):
        unset()
        assert cache_dir() == platformdirs.user_cache_path("xrv_core")


def test_states(server: AssetServer) -> None:
    asset = server.serve("/a/w.bin", BODY)
    loose = server.serve("/a/l.bin", BODY, hashed=False)
    assert [asset_state(a) for a in (asset, loose)] == ["not fetched", f"not fetched{UNVERIFIED}"]
    by_hand(asset, BODY)
    assert asset_state(asset) == "cached, checked at next use"
    fetch(asset)
    fetch(loose)
    assert [asset_state(a) for a in (asset, loose)] == ["cached, verified", f"cached{UNVERIFIED}"]
    by_hand(asset, b"wrong")
    assert asset_state(asset) == "cached, checked at next use"
    assert [r.path for r in server.log] == ["/a/l.bin"]


# -- trust


def test_an_unchanged_file_is_hashed_once(server: AssetServer, hashed: list[str]) -> None:
    asset = server.serve("/w.bin", BODY)
    for _ in range(3):
        path = fetch(asset)
    assert hashed == ["w.bin.part"]
    os.utime(path, ns=(1, 1))
    for _ in range(3):
        fetch(asset)
    assert hashed == ["w.bin.part", "w.bin"]
    assert json.loads(record(asset).read_text()) == {"sha256": SHA, "size": len(BODY), "mtime_ns": 1}


def test_a_damaged_record_costs_one_hashing(server: AssetServer, hashed: list[str]) -> None:
    asset = server.serve("/w.bin", BODY)
    fetch(asset)
    for text in ("{", "[]", '{"sha256": 1}'):
        record(asset).write_text(text)
        assert asset_state(asset) == "cached, checked at next use"
        fetch(asset)
        assert asset_state(asset) == "cached, verified"
    assert hashed == ["w.bin.part", "w.bin", "w.bin", "w.bin"]


def test_a_file_that_was_tampered_with_is_refused_and_left(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    fetch(asset)
    path = by_hand(asset, b"wrong")
    error(
        HashMismatch, lambda: fetch(asset), str(path), "'w.bin'", WRONG, f"published one is {SHA}", "was left", "delete"
    )
    assert path.read_bytes() == b"wrong"
    path.unlink()
    assert fetch(asset).read_bytes() == BODY


def test_a_new_published_hash_refuses_the_old_file(server: AssetServer) -> None:
    path = fetch(server.serve("/w.bin", BODY))
    asset = Asset(name="w.bin", urls=("https://localhost/w.bin",), sha256=WRONG)
    assert asset_state(asset) == "cached, checked at next use"
    error(HashMismatch, lambda: fetch(asset), str(path), "'w.bin'", f"its sha256 is {SHA}")


def test_without_a_published_hash_the_first_use_counts(server: AssetServer, hashed: list[str]) -> None:
    asset = server.serve("/w.bin", BODY, Fault(), Fault(body=b"wrong"), hashed=False, sized=False)
    path = fetch(asset)
    fetch(asset)
    assert hashed == ["w.bin.part"]
    confirm(path)
    path.unlink()
    served = f"{asset.urls[0]}: sent 5 bytes with sha256 {WRONG}\n"
    error(HashMismatch, lambda: fetch(asset), served, f"save the file as {path} (sha256 {SHA})", str(record(asset)))
    assert not path.exists()
    assert fetch(asset).read_bytes() == BODY
    by_hand(asset, b"wrong")
    error(HashMismatch, lambda: fetch(asset), str(path), "'w.bin'", WRONG, f"first use is {SHA}", str(record(asset)))
    record(asset).unlink()
    assert fetch(asset).read_bytes() == b"wrong"


def test_a_file_put_there_by_hand_is_written_down_too(server: AssetServer) -> None:
    asset = server.serve("/w.bin", b"other", hashed=False)
    by_hand(asset, BODY)
    fetch(asset)
    assert json.loads(record(asset).read_text())["sha256"] == SHA
    assert server.log == []


def test_a_damaged_record_of_the_first_use_is_not_passed_over(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, hashed=False)
    path = fetch(asset)
    note = path.with_name(".w.bin.json")
    note.write_text("{")
    error(AssetError, lambda: fetch(asset), f"{note} cannot be read: ", "column 2", "'w.bin'", "first use", "Delete it")
    assert asset_state(asset) == f"cached{UNVERIFIED}"


def test_half_a_file_of_a_broken_server_is_not_the_right_one_for_ever(server: AssetServer) -> None:
    """Without a length nobody can know that the server broke off; the reader of the file can."""
    whole = save({"a": torch.arange(1000.0)})
    half = Fault(body=whole[: len(whole) // 2], claim=None)
    asset = server.serve("/w.safetensors", whole, half, hashed=False, sized=False)
    path = fetch(asset)
    with pytest.raises(CheckpointError):
        load_state_dict(path)
    path.unlink()
    assert fetch(asset).read_bytes() == whole
    assert list(load_state_dict(path)) == ["a"]
    server.files["/w.safetensors"] = save({"b": torch.zeros(3)})
    path.unlink()
    error(HashMismatch, lambda: fetch(asset), str(record(asset)))


def test_a_table_that_could_be_read_is_confirmed(server: AssetServer, tmp_path: Path) -> None:
    given = xrv_core.miniature("nih", tmp_path)
    table = given.pop("csvpath")
    spec = xrv_core.describe_dataset("nih")
    body = Path(table).read_bytes()
    asset = server.serve(f"/{Path(table).name}", body, hashed=False, sized=False)
    with xrv_core.register(dataclasses.replace(spec, name="mine", aliases=(), tables=(asset, spec.tables[1]))):
        xrv_core.get_dataset("mine", **given)
    assert "confirmed" not in json.loads(record(asset).read_text())


@pytest.mark.parametrize("cached", [True, False])
def test_require_hash(server: AssetServer, monkeypatch: pytest.MonkeyPatch, cached: bool) -> None:
    asset = server.serve("/w.bin", BODY, hashed=False)
    if cached:
        fetch(asset)
    asked = len(server.log)
    monkeypatch.setenv("XRV_REQUIRE_HASH", "1")
    error(UnverifiedAsset, lambda: fetch(asset), "'w.bin'", "no published sha256", "unset XRV_REQUIRE_HASH")
    assert len(server.log) == asked
    assert fetch(server.serve("/v.bin", BODY)).exists()
