"""What ``xrv predict`` writes over its columns: findings, classes that exclude each other, plain numbers."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import xrv_core
from xrv_core.cli import main
from xrv_core.models import BackboneClassifier
from xrv_core.specs import ClassifierSpec

WORDS = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "none")


def constant(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """Gives the logits 1, 2, ... for every image."""
    model = BackboneClassifier(torch.nn.Identity(), spec.pathologies, num_features=1, input_resolution=8, spec=spec)
    torch.nn.init.zeros_(model.classifier.weight)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.arange(1, len(spec.pathologies) + 1))
    return model


def spec(*names: str, **more: Any) -> ClassifierSpec:
    made: dict[str, Any] = {"name": "toy", "factory": constant, "pathologies": names, **WORDS, **more}
    return ClassifierSpec(**made)


SPECS = {
    "findings": spec("Mass", "Nodule"),
    "softmax": spec("Male", "Female", task="patient sex", activation="softmax", warning="For audits only."),
    "identity": spec("Age", task="patient age", activation="identity", unit="years"),
    "identity without unit": spec("Score", task="severity", activation="identity"),
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def predict(which: str, *arguments: object) -> str:
    weights = Path(str(arguments[0])).with_name("weights")
    weights.touch()
    command = ["predict", "toy", *map(str, arguments), "--weights", str(weights)]
    with xrv_core.register(SPECS[which]):
        result = CliRunner().invoke(main, command, prog_name="xrv")
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("findings", ["FINDING  PROBABILITY", "Nodule         0.881", "Mass           0.731"]),
        ("softmax", ["PATIENT SEX  PROBABILITY", "Female             0.731", "Male               0.269"]),
        ("identity", ["PATIENT AGE  YEARS", "Age          1.000"]),
        ("identity without unit", ["SEVERITY  VALUE", "Score     1.000"]),
    ],
)
def test_the_table_of_one_image(image: Path, which: str, expected: list[str]) -> None:
    assert predict(which, image).splitlines() == expected


@pytest.mark.parametrize(
    ("which", "head"),
    [
        ("findings", ["FILE", "Mass", "Nodule"]),
        ("softmax", ["FILE", "Male", "Female"]),
        ("identity", ["FILE", "Age", "(years)"]),
    ],
)
def test_the_table_of_several_images(image: Path, which: str, head: list[str]) -> None:
    assert predict(which, image, image).splitlines()[0].split() == head


def test_json_tells_task_and_unit_and_csv_keeps_plain_names(image: Path) -> None:
    told = json.loads(predict("identity", image, "--format", "json"))
    (file,) = told.pop("files")
    assert told == {"model": "toy", "task": "patient age", "unit": "years", "note": "Not for medical use."}
    assert file == {"file": str(image), "predictions": {"Age": 1.0}}
    (row,) = csv.DictReader(io.StringIO(predict("softmax", image, "--format", "csv")))
    assert list(row) == ["file", "Male", "Female", "model", "note"]
    assert row["note"] == "Not for medical use. For audits only."
