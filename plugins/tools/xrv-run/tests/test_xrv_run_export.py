"""``xrv export``: an ONNX file that gives what the model gives, or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from messages import says

import xrv_core
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, MissingDependency, PathMissing, UnknownName
from xrv_run import export as room

LACKING = [name for name in room.LIBRARIES if room.importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(LACKING), reason=f"needs {', '.join(LACKING)}")


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the libraries were there: these tests come to none of them."""
    monkeypatch.setattr(room, "LIBRARIES", ())


def run_file(path: Path, x: Any) -> list[Any]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": np.asarray(x)})


@needs_onnx
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["phantom-net", "phantom-ae"])
def test_the_file_resizes_and_gives_the_same_for_any_number_of_images(name: str, tmp_path: Path) -> None:
    from PIL import Image

    grey = (np.add.outer(np.arange(200), np.arange(220)) % 256).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "image.png")
    path = tmp_path / "net.onnx"
    path.write_bytes(b"before")
    done = CliRunner().invoke(
        main,
        [
            "export",
            name,
            str(tmp_path / "image.png"),
            "--to",
            "onnx",
            "--size",
            "150",
            "--out",
            str(path),
            "--overwrite",
        ],
    )
    assert done.exit_code == 0, done.output
    assert "[batch, 1, 150, 150] in [-1024, 1024]" in done.stdout
    assert str(tmp_path / "image.png") in done.stdout
    assert "Not for medical use" in done.stderr
    model: Any = (xrv_core.get_classifier if name == "phantom-net" else xrv_core.get_autoencoder)(name)
    x = torch.rand(3, 1, 150, 150, generator=torch.Generator().manual_seed(0)) * 2048 - 1024
    with torch.no_grad():
        out = model(x)
    wanted = list(out.values()) if isinstance(out, dict) else [out]
    for got, expected in zip(run_file(path, x), wanted, strict=True):
        np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=1e-3 * float(expected.abs().max()))
    import onnx

    told = {each.key: each.value for each in onnx.load(str(path)).metadata_props}
    assert told["name"] == name
    assert json.loads(told["names"]) == list(getattr(model, "pathologies", []))
    assert "Not for medical use" in told["warning"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["image.png", "net.onnx"]


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("got", [float("nan"), 0.7])
def test_a_file_that_gives_something_else_is_not_put_in_place(
    got: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"before")

    class Session:
        def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
            with torch.no_grad():
                right = xrv_core.get_classifier("phantom-net")(torch.from_numpy(inputs["image"])).numpy()
            right[0, 0] += got
            return [right]

    monkeypatch.setattr(room, "_write", lambda _model, new, *_: new.write_bytes(b"another network"))
    monkeypatch.setattr(room, "_session", lambda _: Session())
    with pytest.raises(ArgumentError, match=says("phantom-net", "drawn noise", "'output'", "differs")):
        room.export("phantom-net", path, overwrite=True)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_older_exporters_resize_too() -> None:
    """The matrices of the resize that ONNX's older exporter needs give what the resize gives."""
    from xrv_core.models.base.inputs import _resize_by_matrices, resize_input

    for side, resolution in ((48, 32), (20, 32), (65, 32)):
        x = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2048 - 1024
        found = _resize_by_matrices(x, side, resolution)
        torch.testing.assert_close(found, resize_input(x, resolution), atol=1e-3, rtol=0)


def test_a_missing_library_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LIBRARIES", ("sys", "no_such_library"))
    with pytest.raises(MissingDependency, match=says("no_such_library", "pip install 'xrv-run[onnx]'")):
        room.export("phantom-net")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("name", "options", "kind", "words"),
    [
        ("phantom-net", {"out": "net.pt"}, ArgumentError, ("net.pt", ".onnx")),
        ("phantom-net", {"out": "nowhere/net.onnx"}, PathMissing, ("nowhere", "no such folder")),
        ("phantom-net", {"out": "there.onnx"}, ArgumentError, ("there.onnx", "exists already", "--overwrite")),
        ("phantom-net", {"images": ["no.png"]}, PathMissing, ("no.png",)),
        ("phantom-nett", {}, UnknownName, ("phantom-nett", "phantom-net")),
        ("timm/resnet18", {}, ArgumentError, ("timm/resnet18", "no published weights", "--weights")),
    ],
)
def test_wrong_arguments(
    name: str, options: dict[str, Any], kind: type[Exception], words: tuple[str, ...], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").write_bytes(b"before")
    with pytest.raises(kind, match=says(*words)):
        room.export(name, **options)
    assert [each.name for each in tmp_path.iterdir()] == ["there.onnx"]
