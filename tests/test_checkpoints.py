"""Weights files: every honest format is read, and what does not fit is told."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import says
from safetensors.torch import save_file
from torch import nn

from xrv_core.errors import CheckpointError, PathMissing
from xrv_core.models import load_into, load_state_dict, wrapped_keys

ZIP_AND_STREAM = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


def net() -> nn.Sequential:
    layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Sequential(nn.Linear(3, 2)))
    for tensor in layers.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape) if tensor.is_floating_point() else torch.tensor(7))
    return layers


def save(thing: object, path: Path, zipped: bool = True) -> Path:
    torch.save(thing, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_same(loaded: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(loaded) == list(expected)
    for key, tensor in expected.items():
        assert type(loaded[key]) is torch.Tensor
        assert loaded[key].dtype == tensor.dtype
        assert torch.equal(loaded[key], tensor.detach())


# -- honest files


def test_safetensors(tmp_path):
    model = net()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    loaded = load_state_dict(tmp_path / "w.safetensors")
    assert_same({k: loaded[k] for k in model.state_dict()}, model.state_dict())
    (tmp_path / "w.safetensors").rename(tmp_path / "w.pt")  # known by its contents, not its name
    assert load_state_dict(str(tmp_path / "w.pt")).keys() == loaded.keys()


@ZIP_AND_STREAM
def test_state_dicts_and_what_they_are_wrapped_in(tmp_path, zipped):
    state = net().state_dict()
    things = {
        "state": state,
        "dict": dict(state),
        "lightning": {"epoch": 3, "state_dict": state, "lr": np.float64(0.1), "rng": np.arange(3), "seen": {1, 2}},
        "model": {"model": state, "optimizer": torch.optim.Adam(net().parameters()).state_dict()},
        "both": {"model_state_dict": state, "shape": torch.Size([1, 2]), "dtype": torch.float32},
        "parallel": OrderedDict((f"module.{k}", v) for k, v in state.items()),
        "compiled": {f"_orig_mod.module.{k}": v for k, v in state.items()},
    }
    for name, thing in things.items():
        assert_same(load_state_dict(save(thing, tmp_path / name, zipped)), state)


@ZIP_AND_STREAM
def test_a_prefix_of_some_keys_stays(tmp_path, zipped):
    state = {"module.weight": torch.zeros(2), "head.weight": torch.ones(2)}
    assert_same(load_state_dict(save(state, tmp_path / "w.pt", zipped)), state)


@ZIP_AND_STREAM
def test_every_dtype_view_and_shared_storage(tmp_path, zipped):
    whole = torch.arange(12.0)
    state = {
        **{
            str(d): torch.tensor([0, 1, 2]).to(d)
            for d in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32)
        },
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "view": whole[3:9].view(2, 3),
        "transposed": whole.view(3, 4).t(),
        "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "parameter": nn.Parameter(torch.randn(3)),
    }
    state["tied"] = state["parameter"]
    loaded = load_state_dict(save(state, tmp_path / "w.pt", zipped))
    assert_same(loaded, state)
    assert loaded["tied"].data_ptr() == loaded["parameter"].data_ptr()


@ZIP_AND_STREAM
def test_whole_modules_of_torch(tmp_path, zipped):
    model = nn.Sequential(net(), nn.Module())
    model[1].register_buffer("kept", torch.ones(1))
    model[1].register_buffer("passing", torch.ones(1), persistent=False)
    model[1].register_buffer("none", None)
    for thing in (model, {"model": model}, nn.DataParallel(model)):
        assert_same(load_state_dict(save(thing, tmp_path / "w.pt", zipped)), model.state_dict())


@pytest.mark.parity
@ZIP_AND_STREAM
def test_a_whole_densenet_of_torchxrayvision(tmp_path, zipped):
    models = pytest.importorskip("torchxrayvision.models")
    model = models.DenseNet(num_classes=18, in_channels=1, **models.get_densenet_params("densenet"))
    loaded = load_state_dict(save(model, tmp_path / "w.pt", zipped))
    assert len(loaded) == 727
    assert_same(loaded, model.state_dict())


@pytest.mark.parity
def test_classes_in_the_file_are_not_imported(tmp_path):
    models = pytest.importorskip("torchxrayvision.models")
    model = models.DenseNet(block_config=(1, 1, 1, 1))
    save(model, tmp_path / "w.pt")
    code = (
        "import sys; from xrv_core.models import load_state_dict; "
        f"print(len(load_state_dict({str(tmp_path / 'w.pt')!r})), 'torchxrayvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(model.state_dict())), "False"]


def test_modules_whose_source_is_in_the_file(tmp_path):
    """Before torch 1.6 whole modules were saved with the source text of their classes."""
    model = net()
    path = save(model, tmp_path / "w.pt", zipped=False)
    assert b"class Conv2d(_ConvNd):" in path.read_bytes()
    assert_same(load_state_dict(path), model.state_dict())


def test_whole_torchvision_and_timm_models(tmp_path):
    from xrv_core.torchvision_guard import import_timm, import_torchvision

    for model in (
        import_torchvision().models.mobilenet_v3_small(),
        import_timm().create_model("resnet10t", in_chans=1, num_classes=2),
    ):
        assert_same(load_state_dict(save(model, tmp_path / "w.pt")), model.state_dict())


# -- files that hold something else


def test_tensors_of_other_kinds(tmp_path):
    path = save({"w": torch.eye(2).to_sparse()}, tmp_path / "w.pt")
    with pytest.raises(
        CheckpointError,
        match=says(path, "not supported", "torch._utils._rebuild_sparse_tensor", "dense", "safetensors"),
    ):
        load_state_dict(path)


def test_what_holds_no_weights(tmp_path):
    wrappers = ("'state_dict'", "'model_state_dict'", "'model_state'", "'model'")
    for thing, words in (
        ({}, ("no weights", "pickled dict")),
        ([torch.ones(1)], ("no weights", "pickled list")),
        (nn.ReLU(), ("no weights", "torch.nn.modules.activation.ReLU")),
        ({3: torch.ones(1)}, ("not a state dict", "keys", "type int", *wrappers)),
        ({"weight": torch.ones(1), "epoch": 3}, ("not a state dict", "'epoch'", "type int", *wrappers)),
    ):
        path = save(thing, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match=says(path, *words)):
            load_state_dict(path)


def test_no_file(tmp_path):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(PathMissing, match=says(path, "does not exist")):
            load_state_dict(path)


# -- into a model


def test_load_into(tmp_path):
    model, other = net(), net()
    load_into(model, other.state_dict(), "w.pt")
    assert_same(model.state_dict(), other.state_dict())
    old = {k: v for k, v in other.state_dict().items() if not k.endswith("num_batches_tracked")}
    load_into(model, old, "w.pt")


def test_weights_that_do_not_fit_change_nothing():
    model = net()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = {k: v + 1 for k, v in before.items()}
    state["3.0.weight"] = torch.zeros(5, 3)
    del state["0.bias"]
    state |= {f"head.{i}": torch.zeros(1) for i in range(6)}
    with pytest.raises(
        CheckpointError,
        match=says(
            "w.pt",
            "Sequential",
            "9 tensors",
            "1 missing (0.bias)",
            "6 unexpected (head.0, head.1, head.2, head.3, and 2 more)",
            "1 of another shape (3.0.weight: [5, 3] in the file, [2, 3] in the model)",
        ),
    ):
        load_into(model, state, "w.pt")
    assert_same(model.state_dict(), before)


def test_wrapped_keys():
    one = torch.ones(1)
    state = {"conv.weight": one, "fc.weight": one, "fc2.weight": one}
    assert list(wrapped_keys(state, "fc")) == ["backbone.conv.weight", "classifier.weight", "backbone.fc2.weight"]
    own = {"backbone.conv.weight": one, "classifier.weight": one}
    assert wrapped_keys(own, "fc") == own
