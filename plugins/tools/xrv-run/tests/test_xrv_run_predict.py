"""`xrv predict`: what it prints, what it says when something is wrong, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from messages import says
from PIL import Image

import xrv_core
from xrv_core.cli import main

NOTE = "phantom-net: Not for medical use. " + xrv_core.describe_classifier("phantom-net").warning


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="xrv")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three images, one of them of another size, in a sub-folder."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "more").mkdir()
    phantom = xrv_core.get_dataset("phantom", n=2, size=160)
    for number, name in enumerate(("a.png", "b.png")):
        pixels = phantom[number]["img"][0].numpy()
        Image.fromarray(((pixels + 1024) / 2048 * 255).astype(np.uint8)).save(folder / name)
    Image.fromarray(np.full((200, 300), 128, np.uint8)).save(folder / "more" / "c.jpg")
    return folder


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["predict", "phantom-net", "/no/such.png"], "Error: /no/such.png: no such file or folder."),
        (["predict", "phantom-nett", __file__], "No classifier named 'phantom-nett'. Did you mean 'phantom-net'?"),
        (
            ["predict", "timm/resnet18", __file__],
            "Error: 'timm/resnet18' has no published weights, so it cannot predict: give a file with --weights.",
        ),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert text in result.output
    assert "Traceback" not in result.output


def test_predict_one_file_ranks_findings_and_says_what_the_model_is(images: Path) -> None:
    result = run("predict", "phantom-net", images / "a.png")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == NOTE
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["FINDING", "PROBABILITY"]
    values = [float(row.split()[-1]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(values) == len(xrv_core.describe_classifier("phantom-net").pathologies)


def test_predict_a_folder_as_csv_and_json_carries_the_note(images: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("predict", "phantom-net", images, "--format", "csv").stdout)))
    assert [Path(r["file"]).name for r in rows] == ["a.png", "b.png", "c.jpg"]
    assert {f"phantom-net: {r['note']}" for r in rows} == {NOTE}
    found = json.loads(run("predict", "phantom-net", images, "--format", "json").stdout)
    assert f"{found['model']}: {found['note']}" == NOTE
    for row, one in zip(rows, found["files"], strict=True):
        for name, value in one["predictions"].items():
            assert float(row[name]) == pytest.approx(value, abs=1e-5)


def test_a_bad_file_does_not_stop_the_others(images: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    result = run("predict", "phantom-net", images / "a.png", bad, images / "b.png", "--format", "csv")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert str(bad) in result.stderr
    assert result.stderr.splitlines()[-1] == "1 of 3 files could not be read."


def test_an_empty_folder(tmp_path: Path) -> None:
    result = run("predict", "phantom-net", tmp_path)
    assert result.exit_code == 1
    assert re.search(says(f"Error: {tmp_path}", "no image", ".bmp, .dcm, "), result.output)


@pytest.mark.realdata
def test_every_real_image_and_dicom_runs_through(realdata: Path) -> None:
    folders = [realdata / name for name in ("nih", "hannover", "covid19", "dicom", "tbx11k", "reference_images")]
    result = run("predict", "phantom-net", *folders, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[0] == NOTE
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) > 430
    assert all(0 <= float(r["Effusion"]) <= 1 for r in rows)
