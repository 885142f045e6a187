"""Weights files inside a zip archive: read where they lie, nothing written, lies about sizes caught."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from messages import says
from safetensors.torch import save as save_bytes
from torch import nn

from xrv_core.errors import CheckpointError, PathMissing
from xrv_core.models import load_state_dict

STATE = {"weight": torch.randn(40, 30), "half": torch.ones(3, dtype=torch.float16)}


def saved(thing: object, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(thing, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


FORMS = {"zip": saved(STATE), "stream": saved(STATE, False), "safetensors": save_bytes(STATE)}


def archive(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("readme.txt", "many checkpoints")
        for name, data in members.items():
            file.writestr(f"runs/{name}.ckpt", data)
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("form", FORMS)
def test_a_member_is_read(tmp_path, form, compression):
    path = archive(tmp_path / "all.zip", compression, **FORMS, other=saved({"weight": torch.zeros(1)}))
    loaded = load_state_dict(path, member=f"runs/{form}.ckpt")
    assert loaded.keys() == STATE.keys()
    assert all(torch.equal(loaded[k], STATE[k]) for k in STATE)
    assert list(tmp_path.iterdir()) == [path]


def test_a_chexpert_checkpoint(tmp_path):
    """The layout of the CheXpert ensemble: a DataParallel's state beside lists and numbers."""
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    checkpoint = {
        "ckpt_info": {"epoch": 1, "iteration": 4800, "val_loss": 0.4},
        "model_state": nn.DataParallel(model).state_dict(),
        "task_sequence": {"No Finding": 0, "Cardiomegaly": 1},
        "optimizer": torch.optim.Adam(model.parameters()).state_dict(),
    }
    loaded = load_state_dict(archive(tmp_path / "all.zip", a=saved(checkpoint)), member="runs/a.ckpt")
    assert list(loaded) == list(model.state_dict())


def test_messages_name_archive_and_member(tmp_path):
    path = archive(tmp_path / "all.zip", bad=b"nothing", pickled=saved([1, print]))
    with pytest.raises(CheckpointError, match=says(f"{path}!runs/pickled.ckpt", "builtins.print")):
        load_state_dict(path, member="runs/pickled.ckpt")
    for member, words in (
        ("runs/bda.ckpt", ("'runs/bda.ckpt'", "Did you mean 'runs/bad.ckpt'?")),
        ("pickled.ckpt", ("'pickled.ckpt'", "Did you mean 'runs/pickled.ckpt'?")),
        ("x", ("'x'", "3 files", "['readme.txt', 'runs/bad.ckpt', 'runs/pickled.ckpt']")),
    ):
        with pytest.raises(PathMissing, match=says(path, "no member", *words)):
            load_state_dict(path, member=member)
    for none in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(PathMissing, match=says(none, "does not exist")):
            load_state_dict(none, member="x")


def test_a_whole_archive_of_checkpoints_asks_for_a_member(tmp_path):
    path = archive(tmp_path / "all.zip", a=FORMS["zip"])
    with pytest.raises(CheckpointError, match=r"all\.zip: it is a zip archive, .* member="):
        load_state_dict(path)


def refused(path: Path, member: str = "runs/a.ckpt") -> str:
    with pytest.raises(CheckpointError) as error:
        load_state_dict(path, member=member)
    return str(error.value).replace(str(path), "ZIP")


def test_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"nothing")
    assert re.search(says("ZIP", "File is not a zip file", "not a zip archive"), refused(tmp_path / "a.zip"))


def test_a_folder_and_two_of_one_name(tmp_path):
    path = archive(tmp_path / "all.zip", a=FORMS["zip"])
    with zipfile.ZipFile(path, "a") as file:
        file.mkdir("runs")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("runs/a.ckpt", FORMS["stream"])
    assert re.search(says("ZIP", "2 members named 'runs/a.ckpt'"), refused(path))
    assert re.search(says("ZIP!runs/", "folder"), refused(path, "runs/"))


def test_other_compressions_and_encryption(tmp_path):
    head = ("ZIP!runs/a.ckpt",)
    assert re.search(
        says(*head, "compression (method 14)", "'stored'", "'deflated'", "repack"),
        refused(archive(tmp_path / "a.zip", zipfile.ZIP_LZMA, a=FORMS["zip"])),
    )
    data = bytearray(archive(tmp_path / "b.zip", a=FORMS["zip"]).read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(data)
    assert re.search(says(*head, "encrypted", "unpack"), refused(tmp_path / "b.zip"))


def lying(path: Path, compression: int, **fields: int) -> Path:
    """An archive whose directory says something else about its last member than is true."""
    data = bytearray(archive(path, compression, a=bytes(range(256)) * 4000).read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    for name, value in fields.items():
        struct.pack_into("<I", data, entry + {"crc": 16, "packed": 20, "size": 24, "offset": 42}[name], value)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("compression", "fields", "cause"),
    [
        (0, {"size": 4_000_000_000}, "it is stored as 1,024,000 bytes, but should have 4,000,000,000"),
        (0, {"size": 2_000_000, "packed": 2_000_000}, "the archive is cut off"),
        (0, {"crc": 1}, "its checksum is not the one in the archive"),
        (0, {"offset": 7}, "it is not at the position in the archive's directory"),
        (8, {"crc": 1}, "BadZipFile: Bad CRC-32 for file 'runs/a.ckpt'"),
        (8, {"size": 10_000_000}, "it unpacks to 1,024,000 bytes, but should to 10,000,000"),
        (8, {"size": 1000}, "BadZipFile: Bad CRC-32 for file 'runs/a.ckpt'"),
        (8, {"offset": 7}, "BadZipFile: Bad magic number for file header"),
        (
            8,
            {"size": 4_000_000_000, "packed": 5008},
            "5,008 bytes claim to unpack to 4,000,000,000",
        ),
    ],
)
def test_a_directory_that_lies(tmp_path, compression, fields, cause):
    path = lying(tmp_path / "a.zip", compression, **fields)
    assert re.search(says("ZIP!runs/a.ckpt", cause), refused(path))
