"""Both libraries on the same files: miniatures, and files with random weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from model_proofs import settle, xrays
from real_tables import seed_cache

import xrv_compat as xrv
import xrv_core
from xrv_compat.old_datasets import OLD_DATASETS

PC, RESNET, AE = "densenet121-res224-pc", "resnet50-res512-all", "101-elastic"


class Both(NamedTuple):
    """One class of either library."""

    theirs: Any
    ours: Any


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision, which would seed numpy's global generator and remember where it has found files."""
    found = pytest.importorskip("torchxrayvision")
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    monkeypatch.setattr(found.datasets, "_cache_dict", {})
    return found


def arguments(cls: str, folder: Path) -> dict[str, Any]:
    """Write the miniature of a class's dataset, and give torchxrayvision's arguments that open it."""
    old = OLD_DATASETS[cls]
    written = xrv_core.miniature(old.name, folder)
    found = {
        name: str(written[old.renamed.get(name, name)])
        for name in old.arguments
        if old.renamed.get(name, name) in written
    }
    if cls == "NLMTB_Dataset":
        found["imgpath"] += "/MontgomerySet"
    if cls == "PC_Dataset":  # theirs reads one flat folder
        flat = folder / "flat"
        flat.mkdir()
        for path in Path(found["imgpath"]).rglob("*.png"):
            shutil.copy(path, flat)
        found["imgpath"] = str(flat)
    if cls == "RSNA_Pneumonia_Dataset":
        found["extension"] = ".dcm"
    return found


@pytest.fixture
def opened(peer: Any, tmp_path: Path) -> Callable[..., Both]:
    """``opened(cls, **options)`` opens one miniature with both libraries; options it has not are left out.

    ``opened.arguments(cls)`` gives the arguments that name the miniature's files.
    """
    known: dict[str, dict[str, Any]] = {}

    def files(cls: str) -> dict[str, Any]:
        if cls not in known:
            known[cls] = arguments(cls, tmp_path / cls)
        return known[cls]

    def give(cls: str, **options: Any) -> Both:
        wanted = {name: value for name, value in options.items() if name in OLD_DATASETS[cls].arguments}
        given = {**files(cls), **wanted}
        return Both(getattr(peer.datasets, cls)(**given), getattr(xrv.datasets, cls)(**given))

    give.arguments = files  # type: ignore[attr-defined]
    return give


@pytest.fixture(scope="module")
def table_cache(xrv_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the tables in it, which is kept for the module: what was parsed is not parsed again."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XRV_CACHE_DIR", str(folder))
        seed_cache(xrv_tables)
    return folder


@pytest.fixture
def real_tables_at_hand(table_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real tables are where ``fetch`` would put them, and nothing else can be fetched."""
    monkeypatch.setenv("XRV_CACHE_DIR", str(table_cache))
    monkeypatch.setenv("XRV_OFFLINE", "1")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files by asset name that ``fetch`` gives, instead of the published ones, which cannot be had here."""
    files: dict[str, Path] = {}
    monkeypatch.setattr("xrv_core.assets.fetch", lambda asset, **_: files[asset.name])
    return files


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Random networks of torchxrayvision under their published names, in its folder, which HOME leads to."""
    peer = pytest.importorskip("torchxrayvision")
    home = tmp_path_factory.mktemp("home")
    folder = home / ".torchxrayvision" / "models_data"
    folder.mkdir(parents=True)
    specs = [xrv_core.describe_classifier(PC), xrv_core.describe_classifier(RESNET), xrv_core.describe_autoencoder(AE)]
    found = {spec.weights.name: folder / Path(spec.weights.name).name for spec in specs}
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        torch.manual_seed(0)
        dense = settle(peer.models.DenseNet(), xrays(2, 1, 64, 64))
        torch.nn.init.uniform_(dense.features.norm5.weight, 0.05, 0.15)  # features of order 1, as the published ones
        torch.nn.init.normal_(dense.classifier.bias, mean=-2)
        from torchvision.models import resnet50

        residual = resnet50(num_classes=18)
        residual.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        settle(residual, xrays(2, 1, 64, 64))
        auto = settle(peer.autoencoders.ResNetAE(), xrays(2, 1, 224, 224))
        for path, saved in zip(found.values(), (dense, residual.state_dict(), auto.state_dict()), strict=True):
            torch.save(saved, path)
        yield found


@pytest.fixture
def both(peer: Any, files: dict[str, Path], shelf: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    monkeypatch.setenv("HOME", str(next(iter(files.values())).parents[2]))
    shelf.update(files)
    return peer, xrv


@pytest.fixture(autouse=True)
def _notes_are_noted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrv_compat.notes._noted", set())
    monkeypatch.setattr("xrv_compat.utils.warning_log", {})
