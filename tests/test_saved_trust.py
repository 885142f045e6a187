"""A model file brings no code, and builds nothing but a network that fits its tensors."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import says
from safetensors.torch import save_file
from test_bombs_weights import MEGABYTES, SECONDS, cost, runner

import xrv_core
from xrv_core.errors import ArgumentError, CheckpointError, UnknownName, UnsafeCheckpoint, XrvError
from xrv_core.models import BackboneClassifier, save_classifier

__all__ = ["runner"]

FACTS = {"name": "m", "title": "t", "licence": "CC0", "citation": "c", "homepage": "h", "obtain": "o"}


def model_file(path: Path, build: dict[str, Any], extra: dict[str, str] | None = None, **facts: Any) -> Path:
    """A model file that no save_classifier wrote."""
    spec = {**FACTS, "pathologies": ["Mass"], "input_resolution": 64, **facts}
    told = json.dumps({"format": 1, "xrv_core": "0", "build": build, "spec": spec})
    save_file({"classifier.weight": torch.ones(1, 2)}, path, {"xrv_core": told, **(extra or {})})
    return path


@pytest.fixture
def local_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that lies where Python would find it, and leaves a mark when it is imported."""
    mark = tmp_path / "imported"
    code = f"open({str(mark)!r}, 'w').close()\ndef build(spec, weights=None):\n    raise SystemExit\n"
    (tmp_path / "trap_module.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return mark


BUILDS: dict[str, dict[str, Any]] = {
    "a factory": {"factory": "trap_module:build"},
    "a factory of the standard library": {"factory": "os:system"},
    "timm from the hub": {"timm": "hf-hub:trap/resnet18"},
    "timm from the hub, by its old name": {"timm": "hf_hub:trap/resnet18"},
    "timm from a folder": {"timm": "local-dir:trap_module"},
    "timm with a revision": {"timm": "resnet18@main"},
    "timm with an empty tag": {"timm": "resnet18."},
    "timm of a module": {"timm": "trap_module:build"},
    "a registered factory": {"registered": "trap_module:build"},
    "a registered file": {"registered": "m.safetensors"},
    "a registered address": {"registered": "file:///m.safetensors"},
    "a registered timm network of the hub": {"registered": "timm/hf-hub:trap/resnet18"},
    "weights at an address": {"registered": "timm/resnet18", "options": {"weights_url": "http://127.0.0.1:9/w"}},
    "pretrained weights": {"timm": "resnet10t", "options": {"pretrained": True}},
    "a checkpoint": {"timm": "resnet10t", "options": {"checkpoint_path": "m.safetensors"}},
    "a cache": {"timm": "resnet10t", "options": {"cache_dir": "."}},
    "a config with an address": {"timm": "resnet10t", "options": {"pretrained_cfg": {"url": "http://127.0.0.1:9"}}},
    "an option with an address": {"timm": "resnet10t", "options": {"act_layer": "http://127.0.0.1:9/x"}},
    "an option with an address inside": {"timm": "resnet10t", "options": {"a": [{"b": "s3://x/y"}]}},
    "an option with a path": {"registered": "phantom-net", "options": {"own": "/etc/passwd"}},
    "an option with a path above": {"registered": "phantom-net", "options": {"own": "x/../../y"}},
    "an option with a path at home": {"registered": "phantom-net", "options": {"own": "~/x"}},
    "an option with a path of Windows": {"registered": "phantom-net", "options": {"own": "C:\\x"}},
    "an option of the hub": {"registered": "phantom-net", "options": {"own": "hf-hub:x/y"}},
    "consent in the file": {"factory": "trap_module:build", "trust_factory": True},
    "consent as an option": {"factory": "trap_module:build", "options": {"trust_factory": True}},
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_file_that_names_code_or_another_source_is_refused(tmp_path, local_module, monkeypatch, name):
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a file opened a connection")

    monkeypatch.setattr("socket.socket.connect", no_network)
    path = model_file(tmp_path / "m.safetensors", BUILDS[name])
    before = set(sys.modules)
    with pytest.raises((CheckpointError, ArgumentError, UnknownName), match=says(path)):
        xrv_core.get_classifier(path)
    assert not local_module.exists()
    assert "trap_module" not in set(sys.modules) - before


def test_consent_runs_the_code_of_that_call_alone(tmp_path, local_module):
    path = model_file(tmp_path / "m.safetensors", BUILDS["a factory"])
    with pytest.raises(UnsafeCheckpoint, match=says(path, "trap_module:build", "trust_factory=True")):
        xrv_core.get_classifier(path)
    with pytest.raises(SystemExit):
        xrv_core.get_classifier(path, trust_factory=True)
    assert local_module.exists()
    with pytest.raises(UnsafeCheckpoint):
        xrv_core.get_classifier(path)


def test_an_option_that_names_an_address_is_not_saved(tmp_path):
    model = BackboneClassifier("resnet10t", ["Mass"], input_resolution=64)
    model.recipe["options"]["extra"] = "https://example.org/w.pt"
    with pytest.raises(ArgumentError, match=says("'extra'", "https://example.org/w.pt")):
        save_classifier(model, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_label_names_with_slashes_are_no_paths(tmp_path):
    build = {"timm": "resnet10t", "options": {"in_chans": 1}, "labels": ["Pleural/Other", "a: b", "1/2"]}
    assert xrv_core.describe_classifier(model_file(tmp_path / "m.safetensors", build)).build["labels"][2] == "1/2"


# -- descriptions that would take endless time or memory

LARGE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a network of billions of numbers": ({"timm": "test_vit", "options": {"embed_dim": 60_000}}, {}),
    "a network of many layers": ({"timm": "test_vit", "options": {"depth": 2_000_000}}, {}),
    "layers without end": ({"timm": "resnet10t", "options": {"layers": [50_000] * 4}}, {}),
    "images without end": ({"timm": "test_vit"}, {"input_resolution": 1_000_000}),
    "a blank image without end": ({"registered": "phantom-net"}, {"input_resolution": 1_000_000}),
    "outputs without end": ({"timm": "resnet10t"}, {"pathologies": [f"p{n:x}" for n in range(300_000)]}),
    "a training set without end": ({"timm": "resnet10t"}, {"training_data": [f"n{n:x}" for n in range(1_200_000)]}),
    "a training set of lists": ({"timm": "resnet10t"}, {"training_data": [[]] * 500_000}),
    "numbers without end": ({"timm": "resnet10t"}, {"mean": [10**400], "std": [1]}),
    "a list in an option": ({"timm": "resnet10t", "options": {"x": [1] * 1_200_000}}, {}),
}


QUICK = ("a network of billions of numbers", "images without end", "a training set of lists", "numbers without end")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in LARGE])
def test_a_description_that_would_never_end(tmp_path, runner, name):
    build, facts = LARGE[name]
    path = model_file(tmp_path / "m.safetensors", build, **facts)
    error, message, seconds, megabytes = cost(runner, "open", path)
    assert (error in ("CheckpointError", "ArgumentError"), seconds < SECONDS, megabytes < MEGABYTES) == (True,) * 3, (
        error, message[:300], seconds, megabytes)  # fmt: skip
    assert str(path) in message
    assert len(message) < 1500


@pytest.mark.parametrize("text", ["[" + "[]," * 1_000_000 + "[]]", "[" * 100_000, '[{"use": 1}]', "7", '["\ud800"]'])
def test_a_list_of_training_images_that_is_none(tmp_path, runner, text):
    path = model_file(
        tmp_path / "m.safetensors", {"timm": "resnet10t"}, extra={"xrv_core.seen": json.dumps(json.dumps(1))}
    )
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["xrv_core.seen"] = text
    changed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + data[8 + length :])
    from xrv_core.models.saved.header import read_seen

    with pytest.raises(CheckpointError, match=says(path)):
        read_seen(path)


def test_a_long_list_of_training_data_is_read_at_once(tmp_path, runner):
    names = [f"dataset-{number:x}" for number in range(200_000)]
    path = model_file(tmp_path / "m.safetensors", {"timm": "resnet10t"}, training_data=names)
    error, message, seconds, _ = cost(runner, "describe", path)
    assert (error, message) == ("", "")
    assert seconds < SECONDS


def test_errors_of_a_description_are_ours(tmp_path):
    for facts in ({"op_threshs": [10**400]}, {"input_resolution": -1}, {"trained": [True] * 5}, {"activation": "no"}):
        path = model_file(tmp_path / "m.safetensors", {"timm": "resnet10t"}, **facts)
        with pytest.raises(XrvError, match=says(path)):
            xrv_core.get_classifier(path)
