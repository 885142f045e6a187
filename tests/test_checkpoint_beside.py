"""What a training checkpoint holds beside its weights."""

from __future__ import annotations

import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from xrv_core.errors import CheckpointError
from xrv_core.models import load_checkpoint, load_state_dict

STATE = {"module.weight": torch.randn(4, 3), "module.bias": torch.zeros(4)}
CHECKPOINT = {
    "model_state": STATE,
    "task_sequence": OrderedDict([("Edema", 1), ("Atelectasis", 0)]),
    "ckpt_info": {"epoch": 3, "metric": np.float64(0.5)},
    "history": [1, 2.5, "x", None],
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_entries_come_as_they_were_saved(tmp_path, zipped):
    torch.save(CHECKPOINT, tmp_path / "w.pth.tar", _use_new_zipfile_serialization=zipped)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "w.pth.tar", "saved/w.pth.tar")
    for path, member in ((tmp_path / "w.pth.tar", None), (tmp_path / "all.zip", "saved/w.pth.tar")):
        state, beside = load_checkpoint(path, ("task_sequence", "history", "absent"), member=member)
        assert list(state) == ["weight", "bias"]
        assert torch.equal(state["weight"], STATE["module.weight"])
        assert beside == {"task_sequence": CHECKPOINT["task_sequence"], "history": CHECKPOINT["history"]}


def test_numbers_of_numpy_stay_inert(tmp_path):
    torch.save(CHECKPOINT, tmp_path / "w.pt")
    _, beside = load_checkpoint(tmp_path / "w.pt", ["ckpt_info"])
    assert beside["ckpt_info"]["epoch"] == 3
    assert type(beside["ckpt_info"]["metric"]).__name__ == "Placeholder"


def test_files_that_hold_weights_alone_have_nothing_beside(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    for name in ("w.safetensors", "module.pt"):
        state, beside = load_checkpoint(tmp_path / name, ("weight", "task_sequence"))
        assert list(state) == list(load_state_dict(tmp_path / name))
        assert beside == {}


def test_a_checkpoint_without_weights_is_refused_all_the_same(tmp_path):
    torch.save({"task_sequence": {"Edema": 0}}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"w\.pt is not a state dict: .*'task_sequence' .* type dict"):
        load_checkpoint(tmp_path / "w.pt", ("task_sequence",))
