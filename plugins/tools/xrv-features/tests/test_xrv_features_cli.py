"""``xrv features``, through the ``xrv`` command itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import xrv_core
from xrv_core import Asset, AutoencoderSpec, ClassifierSpec, DatasetSpec
from xrv_features import load_features
from xrv_features.cli import command
from xrv_features.plugin import xrv_commands

PLAIN = {"title": "T", "licence": "L", "citation": "C", "homepage": "H", "obtain": "O"}
FILES = ["features.json", "features.parquet", "projection.csv", "projection.html", "projection.png"]


@pytest.fixture
def xrv(classifier: Any, autoencoder: Any, another: Any) -> Iterator[Any]:
    """Run ``xrv features`` with registered fakes; what datasets were asked for is in ``xrv.asked``."""
    asked: list[dict[str, Any]] = []

    def build(spec: Any, weights: Any) -> Any:
        model = classifier if isinstance(spec, ClassifierSpec) else autoencoder
        model.spec, model.input_resolution = spec, spec.input_resolution
        return model

    def open_dataset(spec: DatasetSpec, **options: Any) -> Any:
        asked.append(options)
        data = another(options.get("n", 9), uid=options.get("uid", "fake"))
        data.spec = spec
        return data

    def run(*arguments: str) -> Result:
        from xrv_core.cli import main

        return CliRunner().invoke(main, ["features", *arguments])

    run.asked = asked  # type: ignore[attr-defined]
    file = Path(__file__)
    weights = Asset(name="fake/w", urls=(file.as_uri(),), sha256=None)
    net: Any = {"factory": build, "input_resolution": 4, **PLAIN}
    specs = [
        ClassifierSpec(name="fake-net", warning="Knows fakes only.", pathologies=("A",), weights=weights, **net),
        ClassifierSpec(name="bare-net", pathologies=("A",), **net),
        ClassifierSpec(name="any-size-net", pathologies=("A",), weights=weights, **{**net, "input_resolution": None}),
        AutoencoderSpec(name="fake-ae", weights=weights, **net),
        DatasetSpec(name="fakes", warning="No patients.", factory=open_dataset, **PLAIN),
    ]
    handles = [xrv_core.register(spec) for spec in specs]
    with handles[0], handles[1], handles[2], handles[3], handles[4]:
        yield run


def test_the_plugin_offers_the_command() -> None:
    (spec,) = xrv_commands()
    assert (spec.name, spec.factory) == ("features", "xrv_features.cli:command")
    assert isinstance(command(spec), click.Command)


def test_everything_is_written(xrv: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = xrv("fake-net", "fakes", "--out", str(out), "--projection", "pca", "--color", "Mass", "--color", "hospital")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "fake-net on fakes: PCA of 9 images · features of 4 numbers",
        *(str(out / name) for name in ("features.parquet", "projection.png", "projection.html")),
    ]
    assert done.stderr.endswith("Warning: Knows fakes only.\nWarning: No patients.\nNot for medical use.\n")
    assert sorted(p.name for p in out.iterdir()) == FILES
    found = load_features(out)
    assert found.items["hospital"].tolist() == [f"h{i}" for i in range(9)]
    np.testing.assert_array_equal(found.values[:, 1], np.arange(9) * 200)
    points = pd.read_csv(out / "projection.csv")
    assert points["source_uid"].tolist() == found.items["source_uid"].tolist()
    np.testing.assert_allclose(points["x"], (np.arange(9) - 4) * 200, rtol=1e-5)
    assert Image.open(out / "projection.png").width > 600
    assert (out / "projection.html").read_text().count("<circle") == 18


def test_the_record_of_a_command(xrv: Any, tmp_path: Path) -> None:
    done = xrv("fake-net", "fakes", "-o", "n=5", "--out", str(tmp_path / "out"), "--projection", "pca", "--limit", "4")
    assert done.exit_code == 0, done.output
    run = json.loads((tmp_path / "out" / "features.json").read_text())
    assert run["projection"]["method"] == "pca"
    assert run["projection"]["explained"] == pytest.approx([1, 0])
    assert run["arguments"] == {
        "pool": "flatten", "batch_size": 16, "num_workers": 0, "device": None, "weights": "default", "size": 4,
        "limit": 4, "color": ["view"],
        "datasets": [{"name": "fakes", "imgpath": None, "csvpath": None, "options": {"n": 5}, "views": None}],
    }  # fmt: skip
    assert (run["dataset"]["name"], run["dataset"]["items"]) == ("fakes", 4)


def test_several_datasets(xrv: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = ["--data", f"fakes uid=b n=3 imgpath='{tmp_path}' views=PA,AP", "--data", "fakes uid=c n=2"]
    done = xrv("fake-net", "fakes", *data, "--out", str(out), "--projection", "pca", "--limit", "4")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("fake-net on fakes + fakes + fakes: PCA of 9 images")
    assert xrv.asked[1].keys() == {"uid", "n", "imgpath", "views", "transform"}
    assert (xrv.asked[1]["imgpath"], xrv.asked[1]["views"]) == (str(tmp_path), ["PA", "AP"])
    assert load_features(out).items["source"].tolist() == [0] * 4 + [1] * 3 + [2] * 2
    assert "0: fakes (4)" in (out / "projection.html").read_text()


def test_codes_of_an_autoencoder(xrv: Any, tmp_path: Path) -> None:
    done = xrv("fake-ae", "fakes", "--out", str(tmp_path / "a"), "--projection", "pca", "--pool", "mean")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("fake-ae on fakes: PCA of 9 images · code of 2 numbers (2 x 4 x 4, mean)\n")


def test_random_weights_are_said(xrv: Any, tmp_path: Path) -> None:
    arguments = ("bare-net", "fakes", "--out", str(tmp_path / "a"), "--projection", "pca")
    done = xrv(*arguments)
    assert done.exit_code == 1
    assert re.search("^Error: 'bare-net' has no published weights.*--weights none", done.stderr)
    done = xrv(*arguments, "--weights", "none")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("bare-net with random weights on fakes: PCA")
    assert "Warning: Random weights: " in done.stderr


def test_the_same_again(xrv: Callable[..., Result], tmp_path: Path) -> None:
    arguments = ("fake-net", "fakes", "--out", str(tmp_path / "out"), "--projection", "pca")
    assert xrv(*arguments).exit_code == 0
    same = [name for name in FILES if name not in ("features.json", "projection.html")]  # these contain the time
    before = {name: (tmp_path / "out" / name).read_bytes() for name in same}
    again = xrv(*arguments)
    assert again.exit_code == 1
    last = again.stderr.splitlines()[-1]
    assert last.startswith(f"Error: out='{tmp_path / 'out'}' is not empty (it holds 'features.json')")
    assert "--overwrite" in last
    assert xrv(*arguments, "--overwrite").exit_code == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in same} == before


def test_without_umap_the_note_is_on_stderr(
    xrv: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrv_features.projection._installed", lambda: False)
    done = xrv("fake-net", "fakes", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert re.search(r"^umap-learn is not installed.* PCA.* 'xrv-features\[umap\]'$", done.stderr, re.MULTILINE)
    assert "so this is a PCA" in (tmp_path / "out" / "projection.html").read_text()


NET = "fake-net"
REFUSED: list[tuple[list[str], int, str]] = [
    ([NET], 2, "DATASET.*--data"),
    ([NET, "-o", "n=5", "--data", "fakes"], 2, "--imgpath, --csvpath, -o and --views .*DATASET"),
    ([NET, "--data", "fakes 'n=5"], 2, """'--data': "fakes 'n=5" is not "NAME KEY=VALUE"""),
    ([NET, "--data", ""], 2, """'--data': '' is not "NAME KEY=VALUE"""),
    ([NET, "--data", "fakes n"], 2, "'--data': fakes: 'n' is not KEY=VALUE"),
    ([NET, "--data", "fakes transform=x"], 2, "'--data': fakes: transform .*--size"),
    (["any-size-net", "fakes"], 2, "any size.*--size 224"),
    ([NET, "fakes", "--color", "Mas"], 1, "'Mas' .*mean 'Mass'.* Labels: Effusion, Mass"),
    ([NET, "fakes", "-o", "n=3", "--projection", "umap"], 1, "UMAP .* 4 images, got 3"),
]


@pytest.mark.parametrize(("arguments", "code", "pattern"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(
    xrv: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, pattern: str
) -> None:
    monkeypatch.setattr("xrv_features.projection._installed", lambda: True)
    done = xrv(*arguments, "--out", str(tmp_path / "out"))
    assert done.exit_code == code
    assert re.search(f"^Error: .*{pattern}", done.stderr.splitlines()[-1])
    assert not list(tmp_path.iterdir())


def test_a_name_that_nobody_has(xrv: Any, tmp_path: Path) -> None:
    done = xrv("fake-nett", "fakes", "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: No classifier named 'fake-nett'. Did you mean 'fake-net'")
    assert "No autoencoder named 'fake-nett'. Did you mean 'fake-ae'?" in done.stderr


@pytest.mark.parametrize("raw", [(), ("--raw-cells",)])
def test_no_cell_of_the_projection_is_run_by_a_spreadsheet(xrv: Any, tmp_path: Path, raw: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    done = xrv("fake-net", "fakes", "-o", 'uid="=1+1"', "--out", str(out), "--projection", "pca", *raw)
    assert done.exit_code == 0, done.output
    table, found = pd.read_csv(out / "projection.csv"), load_features(out)
    assert table["source_uid"].tolist() == [f"{'' if raw else chr(39)}=1+1:{i}" for i in range(9)]
    assert table["x"].dtype == "float64"
    assert found.items["source_uid"][0] == "=1+1:0"
    assert found.run["spreadsheet_safe"] is not bool(raw)
