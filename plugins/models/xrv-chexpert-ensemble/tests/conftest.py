"""Archives in the layout of the published one: random members, saved as Stanford's training code saves them."""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from model_proofs import settle, xrays

from xrv_chexpert_ensemble.model import member_names

#: CheXpert's own order; the published checkpoints may have another, which they tell.
TASKS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip


def member_checkpoint(trunk: torch.nn.Module, policy: str, seed: int) -> dict[str, Any]:
    """A variation of ``trunk`` with a head of its own: what ``ModelSaver.save`` of Stanford's code writes."""
    outputs = len(TASKS) * (3 if policy == "3-class" else 1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = torchvision.models.densenet121(num_classes=1)
        network.load_state_dict(trunk.state_dict())
        network.classifier = torch.nn.Linear(1024, outputs)
        torch.nn.init.normal_(network.classifier.weight, std=0.05)
        torch.nn.init.normal_(network.classifier.bias)
        with torch.no_grad():
            network.features.conv0.weight *= 1 + 0.2 * torch.randn(64, 1, 1, 1)
    wrapped = torch.nn.DataParallel(torch.nn.ModuleDict({"model": network}))  # keys: module.model.features...
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])
    return {
        "ckpt_info": {"epoch": 1, "iteration": 100, "chexpert-competition-AUROC": 0.9},
        "model_name": "DenseNet121",
        "task_sequence": OrderedDict((task, i) for i, task in enumerate(TASKS)),
        "model_state": wrapped.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": None,
    }


def saved(checkpoint: dict[str, Any], *, zipped: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(checkpoint, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


@pytest.fixture(scope="session")
def trunk() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.densenet121(num_classes=1)
        return settle(network, (xrays(2, 1, 160, 160) / 512).repeat(1, 3, 1, 1))


@pytest.fixture(scope="session")
def archive(trunk: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members of each group; both formats of torch.save, one deflated."""
    path = tmp_path_factory.mktemp("archive") / "chexpert.zip"
    with zipfile.ZipFile(path, "w") as file:
        seed = 0
        for policy, names in member_names().items():
            for name in names[:2]:
                data = saved(member_checkpoint(trunk, policy, seed), zipped=seed % 2 == 1)
                kind = zipfile.ZIP_DEFLATED if seed == 2 else zipfile.ZIP_STORED
                file.writestr(name, data, compress_type=kind, compresslevel=1)
                seed += 1
    return path


@pytest.fixture(scope="session")
def altered(trunk: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``altered(change)`` writes an archive of one member of each group, whose first one ``change`` has altered."""
    checkpoints = {policy: member_checkpoint(trunk, policy, 0) for policy in ("ones", "3-class")}

    def write(change: Callable[[dict[str, Any]], object], policy: str = "ones") -> Path:
        path = tmp_path_factory.mktemp("altered") / "chexpert.zip"
        checkpoint = dict(checkpoints[policy], model_state=dict(checkpoints[policy]["model_state"]))
        change(checkpoint)
        whole = saved(checkpoints["ones"])
        with zipfile.ZipFile(path, "w") as file:
            for other, names in member_names().items():
                file.writestr(names[0], saved(checkpoint) if other == policy else whole)
        return path

    return write
