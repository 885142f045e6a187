"""Files that are no saved classifiers, damaged, newer or hostile: a typed error, and no code runs."""

from __future__ import annotations

import contextlib
import copy
import json
import struct
import sys
from pathlib import Path
from typing import Any

import own_networks
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import xrv_core as xrv
from xrv_core.cli import main
from xrv_core.errors import (
    ArgumentError,
    CheckpointError,
    FactoryError,
    PathMissing,
    UnknownName,
    UnsafeCheckpoint,
    XrvError,
)
from xrv_core.models import BackboneClassifier, is_model_file, save_classifier


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.safetensors"
    model = BackboneClassifier(own_networks.Tiny(), ["Mass", "Nodule"], op_threshs=[0.25, None])
    save_classifier(model, path, factory="own_networks:tiny")
    return path


def table_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["xrv_core"])


def rewritten(good: Path, path: Path, table: Any, tensors: dict[str, torch.Tensor] | None = None) -> Path:
    """The file with another description or other tensors."""
    text = table if isinstance(table, str) else json.dumps(table)
    save_file(load_file(good) if tensors is None else tensors, path, {"xrv_core": text, "format": "pt"})
    return path


def refused(kind: type[XrvError], path: Path, *words: object, opening: bool = False, **options: Any) -> str:
    """What both functions say, with all ``words``; with ``opening`` only opening can know it."""
    with pytest.raises(kind, match=says(*words)) as opened:
        xrv.get_classifier(str(path), **options)
    assert type(opened.value) is kind
    if not opening:
        with pytest.raises(kind) as described:
            xrv.describe_classifier(path)
        assert str(described.value) == str(opened.value)
    return str(opened.value)


# -- no such file


def test_no_file(tmp_path):
    path = tmp_path / "absent.safetensors"
    text = refused(PathMissing, path, path, "no such file", "save_classifier", "list_classifiers()")
    assert CliRunner().invoke(main, ["show", str(path)]).output == f"Error: {text}\n"
    path.mkdir()
    assert refused(PathMissing, path, path) == text


@pytest.mark.parametrize(
    "content", [b"", b"\x01", b"PK\x03\x04" + b"\0" * 90, b"\x03" + b"\0" * 7 + b"[1]", b"<html>" * 9]
)
def test_no_safetensors(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    refused(CheckpointError, path, path, "safetensors", "no header")


def test_a_header_without_end_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 30_000_000))
        stream.truncate(30_000_100)  # a sparse file
    refused(CheckpointError, path, path, "30,000,000 bytes", "XRV_MAX_DOCUMENT_BYTES")


def test_nesting_without_end(tmp_path):
    path, header = tmp_path / "m.safetensors", b"[" * 200_000
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(CheckpointError, path, path, "nested too deeply")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_weights_without_a_description(tmp_path, metadata):
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata)
    call = f"get_classifier(NAME, weights={str(path)!r})"
    refused(CheckpointError, path, path, "xrv_core.models.save_classifier did not write it", call)


# -- damaged and newer


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "{}", '{"format": NaN}', '{"format": "1", "xrv_core": "0"}', "[" * 9999]
)
def test_damaged_descriptions(good, tmp_path, text):
    path = rewritten(good, tmp_path / "m.safetensors", text)
    refused(CheckpointError, path, path, "damaged")


def test_a_newer_format(good, tmp_path):
    path = rewritten(good, tmp_path / "m.safetensors", {"format": 2, "xrv_core": "9.9", "what": "ever"})
    words = ("format 2", "xrv-core 9.9", f"xrv-core {xrv.__version__}", "up to 1", "pip install --upgrade xrv-core")
    refused(CheckpointError, path, path, *words)


CHANGES = [
    (("spec",), None, ("'spec'", "table")),
    (("build",), [], ("'build'", "table")),
    (("spec", "pathologies"), "Mass", ("'pathologies'", "list of texts", "'Mass'")),
    (("spec", "pathologies"), [], ("'good'", "'trained'", "2 values", "0 pathologies")),
    (("spec", "pathologies"), ["a", "a"], ("'good'", "'pathologies'", "'a'", "more than once")),
    (("spec", "pathologies"), None, ("'pathologies'", "missing")),
    (("spec", "licence"), None, ("'licence'", "missing")),
    (("spec", "trained"), [1, 0], ("'trained'", "true and false", "[1, 0]")),
    (("spec", "trained"), [True], ("'good'", "'trained'", "1 values", "2 pathologies")),
    (("spec", "op_threshs"), ["0.5", None], ("'op_threshs'", "numbers, nan or null", "['0.5', None]")),
    (("spec", "op_threshs"), [1.5, None], ("'good'", "'op_threshs'", "between 0 and 1")),
    (("spec", "activation"), "relu", ("'good'", "activation='relu'", "sigmoid, softmax, identity")),
    (("spec", "input_resolution"), -8, ("'input_resolution'", "above 0", "-8")),
    (("spec", "input_resolution"), True, ("'input_resolution'", "above 0", "True")),
    (("spec", "title"), {"a": 1}, ("'title'", "text", "{'a': 1}")),
    (("spec", "name"), "Up", ("'Up'", "lower case", "'.', '_' and '-'")),
    (("spec", "mean"), [0.5], ("'good'", "'mean' and 'std'", "every channel", "above 0")),
    (("build",), {}, ("'good'", "'build'", "timm, registered, factory")),
    (("build",), {"timm": "resnet18", "factory": "a:b"}, ("'good'", "'build'", "timm, registered, factory")),
    (("build",), {"timm": 7}, ("'good'", "'build'", "timm, registered, factory")),
    (("build",), {"factory": "os.system('x')"}, ("'good'", "\"os.system('x')\"", "'package.module:callable'")),
    (("build",), {"timm": "a", "options": [1]}, ("'good'", "'options'", "'build'", "table")),
    (
        ("build",),
        {"timm": "a", "options": {"checkpoint_path": "/etc/x"}},
        ("'options'", "'checkpoint_path'", "weights"),
    ),
    (
        ("build",),
        {"registered": "phantom-net", "options": {"weights": "x"}},
        ("'options'", "'weights'", "source of weights"),
    ),
]


@pytest.mark.parametrize(("place", "value", "words"), CHANGES, ids=[" ".join(c[2]) for c in CHANGES])
def test_wrong_values(good, tmp_path, place, value, words):
    table = table_of(good)
    *outer, last = place
    (table[outer[0]] if outer else table)[last] = value
    path = rewritten(good, tmp_path / "m.safetensors", table)
    refused(CheckpointError, path, path, "damaged", *words)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_anything_at_any_place_is_a_typed_error_or_a_valid_description(good, tmp_path_factory, data):
    table = copy.deepcopy(table_of(good))
    inside = data.draw(st.sampled_from([table, table["spec"], table["build"]]))
    inside[data.draw(st.sampled_from([*inside, "mean", "options"]))] = data.draw(json_values)
    path = rewritten(good, tmp_path_factory.getbasetemp() / "fuzzed.safetensors", json.dumps(table))
    with contextlib.suppress(CheckpointError):
        spec = xrv.describe_classifier(path)
        assert isinstance(spec, xrv.ClassifierSpec)
        assert len(spec.trained) == len(spec.pathologies) > 0


def test_other_facts_are_left_for_later_versions(good, tmp_path):
    table = table_of(good)
    table["spec"]["colour"] = "blue"
    assert xrv.describe_classifier(rewritten(good, tmp_path / "m.safetensors", table)).name == "good"


def test_tensors_that_do_not_fit(good, tmp_path):
    tensors = load_file(good)
    tensors["extra"] = tensors.pop("backbone.layer.bias")
    tensors["classifier.bias"] = torch.zeros(3)
    path = rewritten(good, tmp_path / "m.safetensors", table_of(good), tensors)
    words = (
        "does not fit BackboneClassifier",
        "4 tensors",
        "1 missing (backbone.layer.bias)",
        "1 unexpected (extra)",
        "1 of another shape (classifier.bias: [3] in the file, [2] in the model)",
    )
    refused(CheckpointError, path, path, *words, opening=True, trust_factory=True)
    path.write_bytes(good.read_bytes()[:-9])  # a broken download
    refused(CheckpointError, path, path, "SafetensorError", opening=True, trust_factory=True)


# -- code


def test_a_file_cannot_make_its_factory_run(good, tmp_path, monkeypatch):
    (tmp_path / "planted.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    table = table_of(good)
    table["build"] = {"factory": "planted:go"}
    table["spec"]["trusted"] = True  # a file cannot say that of itself
    path = rewritten(good, tmp_path / "m.safetensors", table)
    for options in ({}, {"weights": None}):
        refused(UnsafeCheckpoint, path, path, "planted:go", "trust_factory=True", opening=True, **options)
    assert "planted" not in sys.modules
    table["build"] = {"factory": "not_installed:go"}
    words = ("'good'", "not_installed:go", "cannot be imported", "No module named 'not_installed'")
    refused(FactoryError, rewritten(good, path, table), *words, opening=True, trust_factory=True)


def test_names_that_are_not_known_here(good, tmp_path):
    table = table_of(good)
    table["build"] = {"registered": "lab/other"}
    path = rewritten(good, tmp_path / "m.safetensors", table)
    refused(UnknownName, path, "'good'", "registered 'lab/other'", "No classifier named 'lab/other'", opening=True)
    table["build"] = {"timm": "hf-hub:somebody/evil"}
    words = ("'hf-hub:somebody/evil'", "timm", "no such network")
    refused(UnknownName, rewritten(good, path, table), *words, opening=True)


def test_a_file_cannot_be_built_like_itself(good, tmp_path):
    table = table_of(good)
    path = tmp_path / "m.safetensors"
    table["build"] = {"registered": str(path)}
    rewritten(good, path, table)
    refused(CheckpointError, path, "'good'", repr(str(path)), "saved classifier", opening=True)


# -- a file where a name is expected


def test_arguments_beside_a_file(good):
    with pytest.raises(ArgumentError, match=says(repr(str(good)), "own weights", "leave weights='other.pt' out")):
        xrv.get_classifier(good, weights="other.pt")
    assert is_model_file("A.SAFETENSORS")
    assert not is_model_file("densenet121-res224-all")


def test_the_command_line_takes_a_file(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_classifier(xrv.get_classifier("phantom-net"), path, contact="lab@example.org", warning="Knows phantoms only.")
    text = " ".join(CliRunner().invoke(main, ["show", str(path)]).output.split())
    for words in (f"offered by the file {path}", "contact lab@example.org", "Not for medical use."):
        assert words in text
    (shown,) = json.loads(CliRunner().invoke(main, ["show", str(path), "--json"]).output)
    assert shown["build"] == {"registered": "phantom-net"}
    Image.new("L", (128, 128), 90).save(tmp_path / "grey.png")
    predicted = CliRunner().invoke(main, ["predict", str(path), str(tmp_path / "grey.png"), "--format", "json"])
    assert predicted.exit_code == 0, predicted.output
    assert "Not for medical use. Knows phantoms only." in predicted.output
