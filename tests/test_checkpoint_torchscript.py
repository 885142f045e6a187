"""TorchScript archives: weights by name, and none of their code is run."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from messages import says
from torch import nn

from xrv_core.errors import CheckpointError
from xrv_core.models import load_state_dict
from xrv_core.torchvision_guard import import_torchvision

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


class Inner(nn.Module):
    """Every kind of thing that a scripted module may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("shift", torch.randn(2))
        self.register_buffer("passing", torch.randn(3), persistent=False)
        self.register_buffer("none", None)
        self.plain = torch.randn(2)  # an attribute: neither parameter nor buffer
        self.names = ["a", "b"]
        self.sizes = [1, 2]
        self.extra = {"x": torch.ones(1)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + self.shift + self.passing[:2] + self.plain


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.norm = nn.BatchNorm1d(2)
        self.tied = self.inner.linear
        self.list = nn.ParameterList([nn.Parameter(torch.randn(2))])
        self.stack = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tied(self.stack(self.norm(self.inner(x))))


def scripted(module: nn.Module) -> torch.jit.ScriptModule:
    return torch.jit.script(module.eval())


def traced(module: nn.Module) -> torch.jit.ScriptModule:
    return torch.jit.trace(module.eval(), torch.ones(1, 2))


@pytest.mark.parametrize("compiled", [scripted, traced])
def test_state_dict_of_a_compiled_module(tmp_path, compiled):
    module = compiled(Net())
    module.save(str(tmp_path / "net.pt"))
    loaded, expected = load_state_dict(tmp_path / "net.pt"), module.state_dict()
    assert list(loaded) == list(expected)
    assert {"inner.passing", "norm.running_var", "norm.num_batches_tracked", "tied.weight", "list.0"} <= loaded.keys()
    assert "inner.plain" not in loaded
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)


def test_a_scripted_resnet(tmp_path):
    models = import_torchvision().models
    module = scripted(models.resnet.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=2))
    module.save(str(tmp_path / "resnet.pt"))
    loaded, expected = load_state_dict(tmp_path / "resnet.pt"), module.state_dict()
    assert len(loaded) == 74
    assert list(loaded) == list(expected)
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of an archive in which ``change(name, data)`` gives the new contents of each member, or None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = change(info.filename, old.read(info))
            if data is not None:
                new.writestr(info, data)
    return target


def test_the_format_before_torch_1_8(tmp_path):
    """No list of buffers, a line with a version at the top. torch 1.4 itself gives the same names."""

    def older(name: str, data: bytes) -> bytes | None:
        if name.endswith("debug_pkl") or "/.data/" in name:
            return None
        return b"op_version_set = 1\n" + re.sub(rb"  __buffers__ = .*\n", b"", data) if name.endswith(".py") else data

    module = scripted(Net())
    module.save(str(tmp_path / "new.pt"))
    loaded = load_state_dict(rewritten(tmp_path / "new.pt", tmp_path / "old.pt", older))
    assert loaded.keys() == module.state_dict().keys() | {"inner.plain"}
    assert all(torch.equal(loaded[key], tensor) for key, tensor in module.state_dict().items())


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        load_state_dict(path)
    return str(error.value).replace(str(path), "W")


def test_frozen_modules_have_lost_their_names(tmp_path):
    path = tmp_path / "frozen.pt"
    torch.jit.freeze(scripted(Net())).save(str(path))
    assert re.search(
        says(" W ", "frozen TorchScript", "its N tensors", "torch.jit.freeze or optimize_for_inference", "state dict"),
        re.sub(r"its \d+ tensors", "its N tensors", refused(path)),
    )


def test_archives_without_weights_or_code(tmp_path):
    path = tmp_path / "w.pt"
    scripted(nn.ReLU()).save(str(path))
    assert re.search(says(" W ", "no weights", "TorchScript archive without tensors"), refused(path))
    scripted(Net()).save(str(tmp_path / "whole.pt"))
    rewritten(tmp_path / "whole.pt", path, lambda name, data: None if "/batchnorm" in name else data)
    assert re.search(r"^Weights file W .* without the code of __torch__\..*\.BatchNorm1d", refused(path))
    rewritten(tmp_path / "whole.pt", path, lambda name, data: b"\x80\x02]." if name.endswith("/data.pkl") else data)
    assert re.search(says(" W ", "TorchScript archive without a module"), refused(path))


@pytest.mark.filterwarnings("ignore:torch.ao.quantization:DeprecationWarning", "ignore:torch.quantize_per:UserWarning")
@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (
            torch.qint8,
            ("not supported", "torch._utils._rebuild_qtensor", "dense", "safetensors"),
        ),
        (
            torch.float16,
            ("__torch__.torch.classes.quantized.LinearPackedParamsBase", "before quantisation"),
        ),
    ],
)
def test_quantised_modules(tmp_path, dtype, words):
    module = nn.Sequential(nn.Linear(2, 2))
    torch.ao.quantization.quantize_dynamic(module, {nn.Linear}, dtype=dtype, inplace=True)
    scripted(module).save(str(tmp_path / "w.pt"))
    assert re.search(says(" W ", *words), refused(tmp_path / "w.pt"))


def test_code_that_claims_to_be_endless(tmp_path):
    scripted(nn.Linear(1, 1)).save(str(tmp_path / "whole.pt"))
    with zipfile.ZipFile(tmp_path / "whole.pt") as old, zipfile.ZipFile(tmp_path / "w.pt", "w") as new:
        for info in old.infolist():
            new.writestr(info, old.read(info))
        new.writestr("whole/code/bomb.py", b"\n" * (65 << 20), zipfile.ZIP_DEFLATED)
    assert re.search(says("W has 68,157,", "XRV_MAX_DOCUMENT_BYTES"), refused(tmp_path / "w.pt"))
