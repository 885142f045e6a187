"""Damaged weights and model files: each is read, or refused with a typed error that names it, and runs no code."""

from __future__ import annotations

import io
import json
import random
import signal
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from mutations import cases, damaged, untyped
from torch import nn

import xrv_core
from xrv_core.models import BackboneClassifier, load_into, load_state_dict, save_classifier
from xrv_core.models.saved.header import read_seen, read_spec

#: Seconds for one case.
PATIENCE = 5
#: What a node of JSON is replaced by.
NODES = (
    *(None, True, 0, -1, 1, 0.5, 10**400, 1e308, "", "x", "é\ud800", [], {}, [[]], {"": None}, [None, 1, "x", {}]),
    *({"timm": 1}, {"timm": "resnet10t", "registered": "x"}, ["x"] * 50, {"a": {"b": {"c": []}}}, "__import__", "file:///x"),
)  # fmt: skip


class Toy(nn.Module):
    """Of every kind of layer that names of real files lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        self.classifier = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.body(x).mean((2, 3)))


def saved(thing: object, zipped: bool = True, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(thing, stream, _use_new_zipfile_serialization=zipped, **options)
    return stream.getvalue()


@cache
def checkpoints() -> dict[str, bytes]:
    """A sound file of each kind."""
    torch.manual_seed(0)
    net = Toy()
    state, layers = net.state_dict(), nn.Sequential(OrderedDict(body=net.body, classifier=net.classifier))
    adam = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 1, 4, 4)).sum().backward()
    adam.step()
    script = io.BytesIO()
    torch.jit.save(torch.jit.trace(net.eval(), torch.ones(1, 1, 4, 4)), script)
    parallel = {f"module.{key}": value for key, value in state.items()}
    training = {"state_dict": parallel, "optimizer": adam.state_dict(), "epoch": 3, "names": {"a", "b"}, "x": (1, 2.5)}
    from safetensors.torch import save as save_tensors

    archive, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("runs/w.pt", saved(state))
    with tarfile.open(fileobj=tar, mode="w") as old:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            old.addfile(tarfile.TarInfo(name))
    halves = {key: value.bfloat16() if value.is_floating_point() else value for key, value in state.items()}
    return {
        "state dict": saved(state),
        "state dict before torch 1.6": saved(state, zipped=False),
        "module": saved(layers),
        "module before torch 1.6": saved(layers, zipped=False),
        "training": saved(training),
        "training before torch 1.6": saved(training, zipped=False),
        "protocol 4": saved(training, pickle_protocol=4),
        "TorchScript": script.getvalue(),
        "bfloat16": saved({"model": halves}),
        "quantised": saved({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}),
        "safetensors": save_tensors(state, {"format": "pt"}),
        "member": archive.getvalue(),
        "tar": tar.getvalue(),
    }


@contextmanager
def in_time(seconds: int = PATIENCE) -> Iterator[None]:
    """TimeoutError, which is no error of ours, for a case that takes longer."""

    def stop(*_: object) -> None:
        raise SystemExit(f"a case takes longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def inside_pickle(data: bytes, seed: int) -> bytes:
    """The archive with its pickle damaged and the checksums right, so that the damage gets behind them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            hit = info.filename.endswith((".pkl", ".py", ".pt"))
            new.writestr(info.filename, damaged(content, seed) if hit else content, info.compress_type)
    return stream.getvalue()


def failures(seeds: list[int], path: Path, run: Callable[[int], Any]) -> list[str]:
    found = []
    for seed in seeds:
        with in_time():
            wrong = untyped(lambda seed=seed: run(seed), path)
        if wrong:
            found.append(f"seed {seed}: {wrong[:300]}")
    return found


def test_damaged_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pt"
    kinds = list(checkpoints())

    def run(seed: int) -> None:
        kind = kinds[seed % len(kinds)]
        data = checkpoints()[kind]
        change = inside_pickle if data.startswith(b"PK") and seed // len(kinds) % 2 else damaged
        path.write_bytes(change(data, seed))
        state = load_state_dict(path, member="runs/w.pt" if kind == "member" else None)
        load_into(Toy(), state, path)

    found = failures(cases(0.1), path, run)
    assert len(found) == 0, found[:5]
    assert [each.name for each in tmp_path.iterdir()] == ["w.pt"]


# -- model files


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "m.safetensors"
    model = BackboneClassifier("test_vit", ["Mass", "Edema"], input_resolution=160, op_threshs=[0.2, None])
    model.seen = ()
    save_classifier(model, path, licence="CC0", description="A toy.")
    return path.read_bytes()


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: Any, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def changed(tree: Any, rng: random.Random) -> Any:
    """A tree of JSON with one node replaced, doubled or taken away."""
    places: list[tuple[Any, Any]] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        inner = (
            list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
        )
        places += [(node, key) for key, _ in inner]
        todo += [value for _, value in inner]
    if not places:
        return rng.choice(NODES)
    node, key = rng.choice(places)
    match rng.randrange(5):
        case 0 if isinstance(node, dict):
            node[rng.choice(("", "x", "factory", "options", "seen", "weights", "pathologies"))] = node.pop(key)
        case 1:
            del node[key]
        case 2 if isinstance(node, list):
            node.append(rng.choice(NODES))
        case _:
            node[key] = rng.choice(NODES)
    return tree


def damaged_model(data: bytes, seed: int) -> bytes:
    """Bytes damaged, or a node of the header or of our description in it."""
    rng = random.Random(seed)
    if seed % 4 == 0:
        return damaged(data, seed)
    header, rest = parts(data)
    if seed % 4 == 1:
        return joined(changed(header, rng), rest)
    key = "xrv_core" if seed % 4 == 2 else "xrv_core.seen"
    record = [
        {"use": "trained", "covers": ["nih"], "collections": ["nih"], "salt": "AAAA", "images": "", "patients": ""}
    ]
    texts = header["__metadata__"]
    texts[key] = json.dumps(changed(json.loads(texts.get(key, json.dumps(record))), rng))
    return joined(header, rest)


def test_damaged_descriptions_of_model_files(tmp_path, monkeypatch, model_file):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.safetensors"

    def run(seed: int) -> None:
        path.write_bytes(damaged_model(model_file, seed))
        read_spec(path)
        read_seen(path)
        if seed % 8 == 2:  # slower
            xrv_core.get_classifier(path)

    found = failures(cases(0.04), path, run)
    assert len(found) == 0, found[:5]
    assert [each.name for each in tmp_path.iterdir()] == ["m.safetensors"]


def test_sound_files_are_read(tmp_path, model_file):
    path = tmp_path / "w.pt"
    for kind, data in checkpoints().items():
        path.write_bytes(data)
        if kind in ("quantised", "tar"):
            continue
        state = load_state_dict(path, member="runs/w.pt" if kind == "member" else None)
        load_into(Toy(), state, path)
    path = tmp_path / "m.safetensors"
    path.write_bytes(model_file)
    assert xrv_core.get_classifier(path).pathologies == ["Mass", "Edema"]
