"""File names that are not UTF-8, as other systems wrote them: every report is written, with the bytes escaped."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xrv_core import api
from xrv_core.cli import main
from xrv_features import load_features

ODD = os.fsdecode(b"a\xffb")
ESCAPED = "a\\udcffb"


@pytest.fixture
def release(tmp_path: Path) -> dict[str, str]:
    """Arguments of a dataset in a folder with such a name, with one more image of such a name."""
    folder = tmp_path / ODD
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes no such name")
    paths = {name: str(path) for name, path in api.miniature("table", folder).items()}
    image = next(Path(paths["imgpath"]).rglob("*.png"))
    shutil.copy(image, image.with_name(f"{ODD}.png"))
    return paths


def _run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def _dataset(release: dict[str, str]) -> list[str]:
    return ["--imgpath", release["imgpath"], "--csvpath", release["csvpath"], "-o", f"columns={release['columns']}"]


def test_evaluate_writes_its_record_and_its_predictions(release: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / ODD / "out"
    options = ["--size", "224", "--bootstrap", "0", "--out", str(out)]
    done = _run("evaluate", "phantom-net", "table", *_dataset(release), *options)
    assert done.exit_code == 0, done.output
    assert json.loads((out / "run.json").read_text("utf-8"))["dataset"]["name"] == "table"
    assert "AUROC" in (out / "report.html").read_text("utf-8")


def test_features_are_written_and_read(release: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / ODD / "out"
    done = _run("features", "phantom-net", "table", *_dataset(release), "--projection", "pca", "--out", str(out))
    assert done.exit_code == 0, done.output
    record = json.loads((out / "features.json").read_text("utf-8"))
    assert record["arguments"]["datasets"][0]["imgpath"] == release["imgpath"]  # JSON has it exactly
    found = load_features(out)
    assert found.values.shape == (len(found), found.dimension)


def test_check_tells_the_stray_file(release: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / ODD / "check.csv"
    done = _run("check", "table", *_dataset(release), "--out", str(out))
    assert done.exit_code == 1, done.output
    assert f"{ESCAPED}.png" in out.read_text("utf-8")


@pytest.mark.parametrize("name", ["found.csv", "found.jsonl"])
def test_predict_knows_what_it_has_done(release: dict[str, str], tmp_path: Path, name: str) -> None:
    out = tmp_path / ODD / name
    words = ["predict", "phantom-net", release["imgpath"], "--out", str(out)]
    assert _run(*words).exit_code == 0
    before = out.read_bytes()
    images = len([*Path(release["imgpath"]).rglob("*.png")])
    assert f"({images} of them were there already)" in _run(*words).output
    assert out.read_bytes() == before
    if name.endswith(".csv"):
        rows = [*csv.reader(out.open(encoding="utf-8"))]
        assert sum(f"{ESCAPED}.png" in row[0] for row in rows) == 1
    else:
        assert sum(ODD + ".png" in json.loads(line)["file"] for line in before.splitlines()) == 1
