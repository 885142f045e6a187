"""``xrv convert``: what it writes can be used in place of what it read, and it never leaves half a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from messages import says
from torch import nn

import xrv_core
from xrv_core.cli import main
from xrv_core.models import load_state_dict
from xrv_core.specs import Asset
from xrv_run import convert as room


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)], prog_name="xrv")


def error(*arguments: object) -> str:
    done = run(*arguments, "--to", "safetensors")
    assert done.exit_code == 1
    return done.stderr


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def header(path: Path) -> dict[str, str]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])


@pytest.fixture
def pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint with foreign settings, in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    torch.save({"state_dict": model.state_dict(), "epoch": 3, "where": tmp_path}, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registered classifier whose published weights are a pickle."""
    monkeypatch.chdir(tmp_path)
    spec = xrv_core.describe_classifier("phantom-net")
    own = xrv_core.get_classifier("phantom-net")
    torch.save(own.state_dict(), tmp_path / "published.pt")
    asset = Asset(
        name="toy/published.pt", urls=((tmp_path / "published.pt").as_uri(),), sha256=sha256(tmp_path / "published.pt")
    )
    with xrv_core.register(dataclasses.replace(spec, name="phantom-twin", weights=asset)):
        yield "phantom-twin"


def test_a_model(tmp_path, twin):
    done = run(twin, "--to", "safetensors")
    assert done.exit_code == 0, done.output
    path = tmp_path / "phantom-twin.safetensors"
    source = xrv_core.fetch(xrv_core.describe_classifier(twin).weights)
    assert dict(re.split("  +", line, maxsplit=1) for line in done.stdout.splitlines()) == {
        "WHAT": "IS",
        "file": path.name,
        "tensors": str(len(load_state_dict(path))),
        "bytes": f"{path.stat().st_size:,}",
        "sha256": sha256(path),
        "made of": str(source),
        "its sha256": sha256(source),
    }
    assert done.stderr == "Use it with weights='phantom-twin.safetensors', or --weights on the command line.\n"
    assert header(path) == {
        "format": "pt",
        "source": "published.pt",
        "source_sha256": sha256(source),
        "xrv_core_version": xrv_core.__version__,
    }
    image = torch.linspace(-1024, 1024, 224 * 224).view(1, 1, 224, 224)
    published, converted = (xrv_core.get_classifier(twin, weights=w) for w in ("default", path))
    assert torch.equal(converted(image), published(image))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phantom-twin.safetensors", "published.pt"]


def test_a_file(tmp_path, pickled):
    assert run(pickled, "--to", "safetensors").exit_code == 0
    before, after = load_state_dict(pickled), load_state_dict(tmp_path / "last.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    (tmp_path / "more").mkdir()
    done = run("last.ckpt", "--to", "safetensors", "--out", "more/w.safetensors")
    assert done.stdout.splitlines()[1].split() == ["file", "more/w.safetensors"]
    assert sha256(tmp_path / "more" / "w.safetensors") == sha256(tmp_path / "last.safetensors")


def test_a_member_of_an_archive(tmp_path, pickled):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(pickled, "runs/best.ckpt")
    done = run("all.zip", "--member", "runs/best.ckpt", "--to", "safetensors")
    assert "made of     all.zip!runs/best.ckpt" in done.stdout.splitlines()
    found = header(tmp_path / "best.safetensors")
    assert (found["source"], found["source_sha256"]) == ("all.zip!runs/best.ckpt", sha256(pickled))


def test_tensors_that_share_memory_and_odd_strides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = torch.arange(12.0)
    state = {
        "tied": (weight := nn.Parameter(torch.randn(3, 4))),
        "again": weight,
        "transposed": whole.view(3, 4).t(),
        "part": whole[2:6],
        "overlap": whole[4:8],
        "scalar": torch.tensor(1, dtype=torch.int64),
        "empty": torch.zeros(0, 2),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    torch.save(state, "w.pt")
    assert run("w.pt", "--to", "safetensors").exit_code == 0
    loaded = load_state_dict("w.safetensors")
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) and loaded[key].dtype == state[key].dtype for key in state)


# -- refusals


def test_a_file_that_is_there_stays(tmp_path, pickled):
    out = tmp_path / "last.safetensors"
    out.write_text("mine")
    assert re.search(says("Error: last.safetensors", "exists already", "--out", "--overwrite"), error("last.ckpt"))
    assert out.read_text() == "mine"
    assert run("last.ckpt", "--to", "safetensors", "--overwrite").exit_code == 0
    assert len(load_state_dict(out)) == 7


def test_places_that_cannot_be_written_to(tmp_path, pickled):
    (tmp_path / "folder.safetensors").mkdir()
    for out, message in (
        ("w.pt", "w.pt: the name of a safetensors file ends in .safetensors."),
        ("none/w.safetensors", "none: no such folder. Create it first."),
        ("folder.safetensors", "folder.safetensors is a folder: give another --out."),
    ):
        assert error("last.ckpt", "--out", out) == f"Error: {message}\n"
    pickled.rename(tmp_path / "last.safetensors")  # a pickle by that name
    assert re.search(
        says("Error: last.safetensors", "file to convert", "--out"), error("last.safetensors", "--overwrite")
    )


def test_nothing_half_written_is_left(tmp_path, pickled, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    assert re.search(
        says("Error: last.safetensors", "cannot be written", "No space left on device"), error("last.ckpt")
    )
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_what_cannot_be_converted(tmp_path, pickled):
    import os

    class Evil:
        def __reduce__(self):
            return os.system, ("touch canary",)

    torch.save({"weight": Evil()}, "evil.pt")
    assert re.search(says("Error: ", "evil.pt", "posix.system"), error("evil.pt"))
    Path("page.pt").write_text("<html>")
    assert re.search(says("Error: ", "page.pt", "no weights", "web page"), error("page.pt"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.pt", "last.ckpt", "page.pt"]
    shipped = xrv_core.fetch(xrv_core.describe_classifier("phantom-net").weights)
    assert re.search(says("Error: ", shipped, "safetensors", "already"), error("phantom-net"))
    assert re.search(says("Error: ", "'nothing.pt'", "`xrv list`", "weights file"), error("nothing.pt"))
    obtain = xrv_core.describe_classifier("timm/resnet18").obtain
    assert re.search(says("Error: 'timm/resnet18'", "no published weights", obtain), error("timm/resnet18"))


def test_the_format_must_be_named(pickled):
    done = run("last.ckpt")
    assert done.exit_code == 2
    assert "Error: Missing option '--to'. Choose from:\n\tsafetensors" in done.stderr


def test_a_file_that_would_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "SMALL", 10_000)
    whole = torch.ones(10_000)
    torch.save({f"view{i}": whole.view(100, 100) for i in range(50)}, "w.pt")
    size = Path("w.pt").stat().st_size
    assert re.search(says("Error: ", "w.pt", f"{size:,} bytes", "2,000,000"), error("w.pt"))
