"""Checkpoints of training frameworks: the weights are read, foreign objects beside them neither imported nor kept."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from messages import says
from torch import nn

from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_core.models import load_state_dict

#: Of a file that Lightning 2.6 wrote with omegaconf 2.4 settings, and of older ones.
FOREIGN = (
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.base.ContainerMetadata",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "lightning.pytorch.callbacks.early_stopping.EarlyStopping",
    "lightning_fabric.utilities.data.AttributeDict",
    "torchmetrics.classification.auroc.BinaryAUROC",
    "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator",
    "ldm.modules.ema.LitEma",
    "yacs.config.CfgNode",
    "easydict.EasyDict",
)


@contextlib.contextmanager
def foreign_class(full: str, base: type = object) -> Iterator[type]:
    """A class that pickles under a name of a library that need not be installed."""
    module, _, name = full.rpartition(".")
    kind = type(name, (base,), {"__module__": module})
    parts = module.split(".")
    with pytest.MonkeyPatch.context() as patch:
        for length in range(1, len(parts) + 1):
            package = types.ModuleType(".".join(parts[:length]))
            patch.setitem(sys.modules, package.__name__, package)
        setattr(package, name, kind)
        yield kind


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def lightning(state: dict[str, torch.Tensor], **more: object) -> dict[str, object]:
    return {
        "epoch": 13,
        "global_step": 7125,
        "pytorch-lightning_version": "1.9.0",
        "state_dict": OrderedDict((f"model.{key}", tensor) for key, tensor in state.items()),
        "loops": {"fit_loop": {"state_dict": {}}},
        "optimizer_states": [torch.optim.Adam(model().parameters()).state_dict()],
        "lr_schedulers": [],
        **more,
    }


def assert_read(path: Path, state: dict[str, torch.Tensor]) -> None:
    loaded = load_state_dict(path)
    assert list(loaded) == [f"model.{key}" for key in state]
    assert all(torch.equal(loaded[f"model.{key}"], tensor) for key, tensor in state.items())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
@pytest.mark.parametrize("full", FOREIGN)
def test_classes_of_frameworks_are_passed_over(tmp_path, full, zipped):
    path, state = tmp_path / "epoch=13.ckpt", model().state_dict()
    for base in (object, dict):
        with foreign_class(full, base) as kind:
            thing = kind()
            thing.best = torch.tensor(0.5)
            if base is dict:
                thing["lr"] = 0.1
            checkpoint = lightning(state, hyper_parameters=thing, callbacks={kind: {"best": thing}})
            torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
        before = set(sys.modules)
        assert_read(path, state)
        assert set(sys.modules) == before


def test_settings_of_the_standard_library(tmp_path):
    path, state = tmp_path / "last.ckpt", model().state_dict()
    settings = {
        "namespace": argparse.Namespace(lr=0.1, sizes=[1, 2]),
        "folder": Path("/data/images"),
        "optimizer": functools.partial(torch.optim.Adam, lr=1e-3),
        "activation": nn.GELU(),
        "simple": types.SimpleNamespace(a=1),
        "types": [int, str, dict, float, bool, object],
        "queue": deque([1, 2], maxlen=3),
        "default": defaultdict(list, a=[1]),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "numbers": [np.float32(1), np.arange(3), np.array(["a"], dtype=object), np.float64],
        "schedule": torch.optim.lr_scheduler.StepLR(torch.optim.SGD(model().parameters(), lr=0.1), 3),
        "state": np.random.RandomState(0).get_state(),
    }
    torch.save(lightning(state, hyper_parameters=settings), path)
    assert_read(path, state)


def test_settings_that_name_a_function_of_the_system_are_hostile(tmp_path):
    path = tmp_path / "last.ckpt"
    import os

    torch.save(lightning(model().state_dict(), hyper_parameters=functools.partial(os.system, "true")), path)
    with pytest.raises(UnsafeCheckpoint, match=r"asks for posix\.system, which is neither"):
        load_state_dict(path)


def test_a_class_of_their_own_among_the_settings_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    with foreign_class("my_lab.models.Network") as kind:
        torch.save(lightning(model().state_dict(), hyper_parameters=kind()), path)
    with pytest.raises(
        UnsafeCheckpoint,
        match=says(
            path,
            "my_lab.models.Network",
            "torch.nn, torchvision, timm or torchxrayvision",
            "Nothing of the file was run",
            "safetensors",
        ),
    ):
        load_state_dict(path)


def test_a_foreign_object_among_the_weights_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    with foreign_class("omegaconf.dictconfig.DictConfig") as kind:
        torch.save({"state_dict": {"weight": torch.ones(1), "settings": kind()}}, path)
    pattern = r"last\.ckpt is not a state dict: .*'settings' .* type omegaconf\.dictconfig\.DictConfig"
    with pytest.raises(CheckpointError, match=pattern):
        load_state_dict(path)
