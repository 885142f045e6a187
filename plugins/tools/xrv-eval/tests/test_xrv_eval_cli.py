"""``xrv evaluate``, through the ``xrv`` command itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import xrv_core
from xrv_core import ClassifierSpec, CommandSpec, DatasetSpec
from xrv_eval.cli import command
from xrv_eval.plugin import xrv_commands

PLAIN = {"title": "T", "licence": "L", "citation": "C", "homepage": "H", "obtain": "O"}


@pytest.fixture
def xrv(usual: SimpleNamespace) -> Iterator[Callable[..., Result]]:
    """Run ``xrv evaluate`` with a registered fake-net and fakes; what the dataset was asked for is in ``xrv.asked``."""
    asked: dict[str, Any] = {}

    def build(spec: ClassifierSpec, weights: Any) -> Any:
        usual.classifier.spec = spec
        usual.classifier.input_resolution = spec.input_resolution
        return usual.classifier

    def open_dataset(spec: DatasetSpec, **options: Any) -> Any:
        asked.update(options)
        usual.dataset.spec = spec
        return usual.dataset

    def run(*arguments: str) -> Result:
        from xrv_core.cli import main

        return CliRunner().invoke(main, ["evaluate", *arguments])

    run.asked = asked  # type: ignore[attr-defined]
    net = {"factory": build, "pathologies": ("A",), **PLAIN}
    with (
        xrv_core.register(ClassifierSpec(name="fake-net", warning="Knows fakes only.", input_resolution=16, **net)),
        xrv_core.register(ClassifierSpec(name="any-size-net", **net)),
        xrv_core.register(DatasetSpec(name="fakes", factory=open_dataset, **PLAIN)),
    ):
        yield run


def test_the_plugin_offers_the_command() -> None:
    (spec,) = xrv_commands()
    assert (spec.name, spec.factory) == ("evaluate", "xrv_eval.cli:command")
    built = command(spec)
    assert isinstance(built, click.Command)
    assert built.name == "evaluate"
    assert isinstance(spec, CommandSpec)


def test_numbers_on_stdout_and_warnings_on_stderr(xrv: Callable[..., Result]) -> None:
    done = xrv("fake-net", "fakes", "--bootstrap", "50")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "fake-net on fakes: 60 images, 30 patients"
    assert lines[2].startswith("pathology  N+  N-  N?  AUROC")
    assert [line.split()[0] for line in lines[3:7]] == ["Effusion", "Nodule", "Mass", "Hernia"]
    assert lines[-1].startswith("mean AUROC 0.")
    assert lines[-1].endswith(" over 2 of 4 labels")
    assert done.stderr == "Warning: Knows fakes only.\nNot for medical use.\n"


def test_the_dataset_gets_its_options_and_a_transform(xrv: Any, tmp_path: Path) -> None:
    done = xrv(
        "fake-net", "fakes", "--imgpath", str(tmp_path), "--csvpath", "t.csv", "--views", "PA, AP", "--size", "32",
        "-o", "split=test", "-o", "n=5", "-o", 'readers=["any"]', "-o", "x=None", "-o", "y=False", "--bootstrap", "0",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    transform = xrv.asked.pop("transform")
    assert "XRayCenterCrop" in repr(transform)
    assert "32" in repr(transform)
    assert xrv.asked == {
        "imgpath": str(tmp_path), "csvpath": "t.csv", "views": ["PA", "AP"],
        "split": "test", "n": 5, "readers": ["any"], "x": None, "y": False,
    }  # fmt: skip


def test_limit_takes_the_first_items(xrv: Callable[..., Result]) -> None:
    done = xrv("fake-net", "fakes", "--limit", "20", "--bootstrap", "0")
    assert done.stdout.splitlines()[0] == "fake-net on fakes: 20 images, 10 patients"
    assert xrv("fake-net", "fakes", "--limit", "1000", "--bootstrap", "0").stdout.startswith(
        "fake-net on fakes: 60 images"
    )


def test_json_is_json_alone(xrv: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = xrv("fake-net", "fakes", "--json", "--out", str(out), "--bootstrap", "20", "--seed", "3")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["run"] == json.loads((out / "run.json").read_text())
    assert found["report"] == str(out / "report.html")
    assert found["metrics"][2]["auroc"] is None
    table = pd.read_csv(out / "metrics.csv")
    assert np.allclose([row["auroc"] for row in found["metrics"][:2]], table["auroc"][:2])
    assert done.stderr.endswith(f"report: {out / 'report.html'}\n")


def test_overwrite(xrv: Callable[..., Result], tmp_path: Path) -> None:
    arguments = ("fake-net", "fakes", "--out", str(tmp_path / "out"), "--bootstrap", "0")
    assert xrv(*arguments).exit_code == 0
    again = xrv(*arguments)
    assert again.exit_code == 1
    assert again.stderr.startswith(f"Error: out='{tmp_path / 'out'}' is not empty")
    assert "'metrics.csv'" in again.stderr
    assert "--overwrite" in again.stderr
    assert xrv(*arguments, "--overwrite").exit_code == 0


def test_errors_are_one_line(xrv: Callable[..., Result]) -> None:
    done = xrv("fake-nett", "fakes")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: No classifier named 'fake-nett'. Did you mean 'fake-net'?")
    done = xrv("any-size-net", "fakes")
    assert done.exit_code == 2
    assert re.search("^Error: .*any size.*--size 224", done.stderr.splitlines()[-1])


def test_an_option_that_cannot_be_read(xrv: Callable[..., Result]) -> None:
    done = xrv("fake-net", "fakes", "-o", "n=[1, 2")
    assert done.exit_code == 2
    assert re.search(r"^Error: Invalid value for '-o' .* n, '\[1, 2'", done.stderr.splitlines()[-1])
