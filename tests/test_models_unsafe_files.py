"""Weights files that are hostile or damaged: nothing runs, and the message names the cause."""

from __future__ import annotations

import builtins
import functools
import io
import os
import pickle
import shutil
import struct
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_core.models import load_state_dict

DAMAGED = "It is damaged, or no file of safetensors or torch.save."
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


def unsafe(path: Path, name: str) -> str:
    return (
        f"Weights file {path} asks for {name}, which is neither a tensor nor a layer of torch.nn, torchvision, timm or "
        "torchxrayvision. Nothing of the file was run. Get these weights as safetensors or as a plain state dict, from "
        "a source that you trust."
    )


@pytest.mark.parametrize("name", list(hostile_things(Path("canary"))))
@ZIP_AND_STREAM
def test_a_payload_is_named_and_leaves_no_trace(tmp_path, name, zipped):
    canary = tmp_path / "canary"
    thing = hostile_things(canary)[name]
    path = save(thing, tmp_path / "w.pt", zipped)
    canary.unlink(missing_ok=True)
    with pytest.raises(UnsafeCheckpoint) as error:
        load_state_dict(path)
    assert str(error.value) == unsafe(path, name)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["posix.system", "builtins.exec", "subprocess.Popen"])
def test_the_payloads_would_bite(tmp_path, name):
    canary = tmp_path / "canary"
    path = save(hostile_things(canary)[name], tmp_path / "w.pt")
    started = torch.load(path, weights_only=False)
    if name == "subprocess.Popen":
        started.wait()
    assert canary.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("torch.nn.modules.module", "torch.hub.load"),  # protocol 4 walks dotted names
        ("xrv_core.models.inert", "TensorRecord"),
        ("torchvisionevil.models", "x"),
        ("torch.nnevil", "x"),
        ("timm", "os.system"),
    ],
)
def test_names_spelt_in_opcodes(tmp_path, module, name):
    path = tmp_path / "w.pt"
    canary = tmp_path / "canary"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", raw_pickle(module, name, f"touch {canary}"))
    with pytest.raises(UnsafeCheckpoint) as error:
        load_state_dict(path)
    assert str(error.value) == unsafe(path, f"{module}.{name}")
    assert not canary.exists()


def test_a_call_in_the_name_of_a_layer_builds_a_shell(tmp_path):
    path = tmp_path / "w.pt"
    canary = tmp_path / "canary"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", raw_pickle("torch.nn.modules.container", "run", f"touch {canary}"))
    with pytest.raises(CheckpointError) as error:
        load_state_dict(path)
    assert str(error.value) == (
        f"Weights file {path} holds no weights: it is a pickled torch.nn.modules.container.run without tensors."
    )
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
        assert message.startswith("Weights file W cannot be read: ")
        assert message.endswith(f". {DAMAGED}")


def test_a_safetensors_file_cut_off(tmp_path):
    save_file(nn.BatchNorm1d(9).state_dict(), tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    assert damaged(tmp_path, data[:-3]).startswith("Weights file W is no sound safetensors file: ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Weights file W holds no weights: it is empty."),
        (
            b"\n<!DOCTYPE html>",
            "Weights file W holds no weights: it is a web page, so the address did not lead to the file.",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "Weights file W holds no weights: it is a Git LFS pointer; get the file itself with `git lfs pull`.",
        ),
        (pickle.dumps([1, 2]), f"Weights file W cannot be read: it was not written by torch.save. {DAMAGED}"),
    ],
)
def test_other_files(tmp_path, data, message):
    assert damaged(tmp_path, data) == message


def zipped_bytes(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_pkl", ".pkl"), data)
    return stream.getvalue()


def test_archives_that_are_no_checkpoints(tmp_path):
    assert damaged(tmp_path, zipped_bytes(a=b"x")) == (
        f"Weights file W cannot be read: it is a zip archive, but not one of torch.save; if a weights file lies in it, "
        f"name that with member=. {DAMAGED}"
    )
    assert damaged(tmp_path, zipped_bytes(w__data_pkl=b"x", w__constants_pkl=b"x")) == (
        f"Weights file W cannot be read: at position 0, opcode b'x' unknown. {DAMAGED}"
    )
    bomb = zipped_bytes(zipfile.ZIP_DEFLATED, w__data_pkl=b"\0" * 10_000_000)
    assert len(bomb) < 20_000
    assert damaged(tmp_path, bomb) == (
        f"Weights file W cannot be read: its contents claim to be larger than its {len(bomb):,} bytes, "
        f"or are compressed. {DAMAGED}"
    )


def storage_pickle(numel: int, size: int) -> bytes:
    """A state dict with one float32 tensor of ``size`` numbers in a storage said to have ``numel``."""
    stream = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", torch.FloatStorage, "0", "cpu", numel) if thing is Ellipsis else None

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (..., 0, (size,), (1,), False, OrderedDict())

    Pickler(stream, protocol=2).dump({"w": Tensor()})
    return stream.getvalue()


def test_sizes_that_are_not_there(tmp_path):
    data = torch.arange(4.0).numpy().tobytes()

    def archive(numel: int, size: int) -> bytes:
        return zipped_bytes(w__data_pkl=storage_pickle(numel, size), w__data__0=data)

    (tmp_path / "w.pt").write_bytes(archive(4, 4))
    assert torch.equal(load_state_dict(tmp_path / "w.pt")["w"], torch.arange(4.0))
    assert damaged(tmp_path, archive(10**12, 10**12)) == (
        "Weights file W cannot be read: storage '0' has 16 bytes, not 1,000,000,000,000 numbers. " + DAMAGED
    )
    assert damaged(tmp_path, archive(4, 5)) == (
        f"Weights file W cannot be read: a tensor of size (5,) does not fit into its storage. {DAMAGED}"
    )
    assert damaged(tmp_path, archive(-1, 0)) == (
        f"Weights file W cannot be read: UnpicklingError: contradictory descriptions of storage '0'. {DAMAGED}"
    )


@pytest.mark.parametrize(
    ("instructions", "cause"),
    [
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "its pickle has a memo index out of order"),
        (b"\x80\x02\x82\x01.", "its pickle has instructions that torch.save does not write"),
    ],
    ids=["memo index", "extension registry"],
)
def test_pickles_that_would_hurt_the_unpickler(tmp_path, instructions, cause):
    message = damaged(tmp_path, zipped_bytes(w__data_pkl=instructions))
    assert message == f"Weights file W cannot be read: {cause}. {DAMAGED}"


def test_layers_without_end(tmp_path):
    loop = nn.Module()
    loop._modules["again"] = loop
    bushy = nn.Linear(1, 1)
    for _ in range(40):  # 2 to the 40 paths to one layer
        bushy = nn.Sequential(bushy, bushy)
    for thing in (loop, bushy):
        path = save(thing, tmp_path / "w.pt")
        with pytest.raises(CheckpointError) as error:
            load_state_dict(path)
        assert str(error.value) == f"Weights file {path} has layers within layers without end."
