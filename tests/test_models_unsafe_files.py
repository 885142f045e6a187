"""Weights files that Python's own pickler made hostile, and honest ones that are damaged.

The corpus of files made hostile by hand is in ``test_hostile_files.py``.
"""

from __future__ import annotations

import builtins
import functools
import os
import shutil
import struct
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import says
from torch import nn

from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_core.models import load_state_dict

DAMAGED = "It is damaged, or not a file of safetensors or torch.save."
ZIP_AND_STREAM = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


def save(thing: object, path: Path, zipped: bool = True) -> Path:
    torch.save(thing, path, _use_new_zipfile_serialization=zipped)
    return path


# -- hostile files


class Evil:
    """Pickles to a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def raw_pickle(module: str, name: str, argument: str) -> bytes:
    """``module.name(argument)``, spelt in opcodes, for names that this process must not import."""
    text = argument.encode()
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"X" + struct.pack("<I", len(text)) + text + b"\x85R."


def module_with(**attributes: object) -> nn.Module:
    module = nn.Identity()
    vars(module).update(attributes)
    return module


def hostile_things(canary: Path) -> dict[str, object]:
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "posix.system": Evil(os.system, touch),
        "builtins.eval": Evil(builtins.eval, code),
        "builtins.exec": Evil(builtins.exec, code),
        "subprocess.Popen": Evil(subprocess.Popen, ["touch", str(canary)]),
        "builtins.getattr": Evil(getattr, Evil(__import__, "os"), "system"),
        "torch.hub.load": Evil(torch.hub.load, str(canary.parent), "x"),
        "torch.storage._load_from_bytes": Evil(torch.storage._load_from_bytes, b""),
        "builtins.__import__": {"state_dict": OrderedDict(w=Evil(__import__, "os"))},
        "shutil.rmtree": {"weight": torch.zeros(1), "where": Evil(shutil.rmtree, canary)},
        "posix.remove": nn.Sequential(nn.Linear(1, 1), module_with(act=functools.partial(os.remove, canary))),
        "numpy.load": Evil(np.load, str(canary)),
        "torch.serialization.load": Evil(torch.load, str(canary)),
    }


@pytest.mark.parametrize("name", list(hostile_things(Path("canary"))))
@ZIP_AND_STREAM
def test_a_payload_is_named_and_leaves_no_trace(tmp_path, name, zipped):
    canary = tmp_path / "canary"
    thing = hostile_things(canary)[name]
    path = save(thing, tmp_path / "w.pt", zipped)
    canary.unlink(missing_ok=True)
    with pytest.raises(UnsafeCheckpoint, match=says(path, f" {name},", "Nothing of the file was run", "safetensors")):
        load_state_dict(path)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["posix.system", "builtins.exec", "subprocess.Popen"])
def test_the_payloads_would_bite(tmp_path, name):
    canary = tmp_path / "canary"
    path = save(hostile_things(canary)[name], tmp_path / "w.pt")
    started = torch.load(path, weights_only=False)
    if name == "subprocess.Popen":
        started.wait()
    assert canary.exists()


def test_a_call_in_the_name_of_a_layer_builds_a_placeholder(tmp_path):
    path = tmp_path / "w.pt"
    canary = tmp_path / "canary"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", raw_pickle("torch.nn.modules.container", "run", f"touch {canary}"))
    with pytest.raises(CheckpointError, match=says(path, "no weights", "torch.nn.modules.container.run")):
        load_state_dict(path)
    assert not canary.exists()


def test_reading_changes_nothing_of_the_reader(tmp_path):
    """A state put on what the unpickler hands out must not reach the next file."""
    path = tmp_path / "w.pt"
    for name in (
        "torch._utils\n_rebuild_tensor_v2",
        "torch\nFloatStorage",
        "torch.nn\nLinear",
        "collections\nOrderedDict",
    ):
        for state in (b"}X\x01\x00\x00\x00xK\x01s", b"N}X\x0c\x00\x00\x00__defaults__K\x01s\x86"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("w/data.pkl", b"\x80\x02c" + name.encode() + b"\n" + state + b"b.")
            with pytest.raises(CheckpointError, match="cannot be read"):
                load_state_dict(path)
    before = torch.serialization.get_safe_globals()
    assert torch.equal(load_state_dict(save({"w": torch.ones(2)}, path))["w"], torch.ones(2))
    assert torch.serialization.get_safe_globals() == before


class Shadowed:
    def __reduce__(self):
        return OrderedDict, (), {"items": 1, "get": 2, "keys": 3}, None, iter([("w", torch.ones(2))])


def test_attributes_in_the_way_of_a_mapping(tmp_path):
    assert torch.equal(load_state_dict(save(Shadowed(), tmp_path / "w.pt"))["w"], torch.ones(2))


# -- damaged files


def damaged(tmp_path: Path, data: bytes) -> str:
    (path := tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        load_state_dict(path)
    assert type(error.value) is CheckpointError
    return str(error.value).replace(str(path), "W")


@ZIP_AND_STREAM
def test_files_cut_off_anywhere(tmp_path, zipped):
    data = save(nn.BatchNorm1d(9).state_dict(), tmp_path / "whole.pt", zipped).read_bytes()
    for size in (3, 10, 30, 100, len(data) // 2, len(data) - 30, len(data) - 1):
        message = damaged(tmp_path, data[:size])
        assert message.startswith("W: ")
        assert message.endswith(f". {DAMAGED}") or "cut off" in message


def test_layers_without_end(tmp_path):
    loop = nn.Module()
    loop._modules["again"] = loop
    bushy = nn.Linear(1, 1)
    for _ in range(40):  # 2 to the 40 paths to one layer
        bushy = nn.Sequential(bushy, bushy)
    for thing, told in ((loop, "a layer in itself"), (bushy, "XRV_MAX_OBJECTS")):
        path = save(thing, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match=says(path, told)):
            load_state_dict(path)
