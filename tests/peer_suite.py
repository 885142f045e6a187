"""Run torchxrayvision's own tests, with it or with the facade in its place: a plugin of pytest, and its options.

``PLAYS`` in the environment is "torchxrayvision" or "xrv_compat". ``write_weights`` makes files with random weights,
which both read from one folder, because the published ones cannot be had here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

__all__ = ["outcomes", "write_weights"]


def write_weights(folder: Path) -> None:
    """Files with random weights of torchxrayvision's networks under their published names."""
    import torch
    import torchxrayvision as peer
    from torchvision.models import resnet34, resnet50

    import xrv_core

    residual = resnet50(num_classes=18)
    residual.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    race, sex = resnet34(), resnet34(num_classes=2)
    race.fc = torch.nn.Sequential(torch.nn.Linear(512, 3), torch.nn.LogSoftmax(dim=1))
    classifiers: dict[str, Any] = {
        "densenet121-res224-all": peer.models.DenseNet(),
        "densenet121-res224-mimic_ch": peer.models.DenseNet(),
        "resnet50-res512-all": residual.state_dict(),
        "race": torch.nn.DataParallel(race).state_dict(),
        "sex": {"state_dict": {f"model.{name}": tensor for name, tensor in sex.state_dict().items()}},
        "view": resnet50().state_dict(),
    }
    files = {xrv_core.describe_classifier(name).weights: saved for name, saved in classifiers.items()}
    files[xrv_core.describe_autoencoder("101-elastic").weights] = peer.autoencoders.ResNetAE().state_dict()
    folder.mkdir(parents=True)
    for asset, saved in files.items():
        assert asset is not None
        torch.save(saved, folder / Path(asset.name).name)


def outcomes(library: str, tests: Path, home: Path, cache: Path) -> dict[str, str]:
    """Each test of ``tests`` and "passed", "failed" or "skipped", with ``library`` as torchxrayvision."""
    report = home / f"{library}.xml"
    plugins = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    settings = {"PLAYS": library, "HOME": str(home), "XRV_CACHE_DIR": str(cache), "PYTHONPATH": plugins}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "peer_suite", "-p", "no:cacheprovider", "-p", "no:timeout"]
    subprocess.run(
        [*command, f"--rootdir={tests}", "-c", os.devnull, f"--junitxml={report}", str(tests)],
        env={**os.environ, "XRV_OFFLINE": "1", **settings}, cwd=tests, check=False, capture_output=True,
    )  # fmt: skip
    found = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "skipped" if "skipped" in kinds else "failed" if kinds & {"failure", "error"} else "passed"
        found[f"{str(case.get('classname')).rpartition('.')[2]}::{case.get('name')}"] = outcome
    return found


def _play(library: str) -> None:
    """Make ``library`` what ``import torchxrayvision`` gives."""
    from xrv_core.torchvision_guard import import_torchvision

    import_torchvision()
    import torchxrayvision  # noqa: F401  # its submodules are replaced, too

    if library == "torchxrayvision":
        return
    import xrv_compat

    folder = str(Path("~/.torchxrayvision/models_data/").expanduser())
    for name in ("datasets", "models", "utils", "autoencoders", "baseline_models"):
        sys.modules[f"torchxrayvision.{name}"] = getattr(xrv_compat, name)
    xrv_compat.utils.get_cache_dir = lambda: folder  # type: ignore[method-assign]
    sys.modules["torchxrayvision"] = xrv_compat


if "PLAYS" in os.environ:
    _play(os.environ["PLAYS"])
