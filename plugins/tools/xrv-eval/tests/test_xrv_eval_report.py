"""The result folder: what is in it, that it is whole or not there, and that the report needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from xrv_core import Asset, ClassifierSpec, DatasetSpec
from xrv_core.assets.files import folders
from xrv_core.models.running.provenance import dataset_fingerprint, state_dict_sha256
from xrv_eval import evaluate
from xrv_eval.output import FILES

PLAIN = {
    "title": "T",
    "factory": "nowhere_at_all:build",
    "licence": "L",
    "citation": "C",
    "homepage": "H",
    "obtain": "O",
}


@pytest.fixture
def specified(usual: SimpleNamespace) -> SimpleNamespace:
    weights = Asset(name="a/b.safetensors", urls=("https://example.org/b",), sha256="ab" * 32)
    usual.classifier.spec = ClassifierSpec(name="fake-net", warning="Knows <fakes> only.", weights=weights, **PLAIN)
    usual.dataset.spec = DatasetSpec(name="fakes", warning="No & patients.", synthetic=True, **PLAIN)
    return usual


def test_the_folder_holds_what_evaluate_returns(specified: SimpleNamespace, tmp_path: Path) -> None:
    found = evaluate(specified.classifier, specified.dataset, out=tmp_path / "new" / "out")
    folder = tmp_path / "new" / "out"
    assert found.report == folder / "report.html"
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert [p.name for p in folder.parent.iterdir()] == ["out"], "nothing is left beside it"
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "predictions.parquet"), found.predictions)
    again = pd.read_csv(folder / "metrics.csv", keep_default_na=True)
    pd.testing.assert_frame_equal(again.drop(columns="note"), found.metrics.drop(columns="note"), check_dtype=False)
    assert json.loads((folder / "run.json").read_text()) == found.run


def test_the_record_tells_what_was_run(specified: SimpleNamespace) -> None:
    run = evaluate(specified.classifier, specified.dataset, batch_size=7, bootstrap=5, seed=3, device="cpu").run
    assert run["arguments"] == {
        "batch_size": 7, "num_workers": 0, "bootstrap": 5, "seed": 3, "examples": 12, "device": "cpu",
    }  # fmt: skip
    assert run["classifier"]["spec"] == json.loads(json.dumps(specified.classifier.spec.to_dict()))
    assert run["classifier"]["published_weights_sha256"] == "ab" * 32
    assert run["classifier"]["state_dict_sha256"] == state_dict_sha256(specified.classifier)
    assert run["classifier"]["op_threshs"] == [0.5] * 4
    assert run["classifier"]["plugin"] is None
    assert run["dataset"]["name"] == "fakes"
    assert run["dataset"]["fingerprint"] == dataset_fingerprint(specified.dataset)
    assert (run["dataset"]["items"], run["dataset"]["patients"]) == (60, 30)
    assert run["dataset"]["views"] == {"AP": 30, "PA": 30}
    assert run["dataset"]["repr"].endswith(".FakeDataset"), "no memory address"
    assert run["notice"] == "Not for medical use."
    assert set(run["versions"]) >= {"python", "xrv_core", "xrv_eval", "torch", "numpy", "pandas"}
    assert run["image_size"] == [16, 16]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run["started"])
    assert run["seconds"] > 0


def test_a_view_tells_whose_view_it_is(specified: SimpleNamespace) -> None:
    from xrv_core.datasets import SubsetDataset

    run = evaluate(specified.classifier, SubsetDataset(specified.dataset, range(20)), bootstrap=0).run
    assert (run["dataset"]["name"], run["dataset"]["items"]) == ("fakes", 20)
    assert run["dataset"]["repr"].startswith("SubsetDataset num_samples=20")
    assert run["dataset"]["warning"] == "No & patients."


def test_hashes_change_with_what_they_stand_for(usual: SimpleNamespace) -> None:
    model, data = usual.classifier, usual.dataset
    weights, items = state_dict_sha256(model), dataset_fingerprint(data)
    assert weights == hashlib.sha256(b"scale|torch.float32|(1,)|" + np.float32(1).tobytes()).hexdigest()
    assert state_dict_sha256(model) == weights
    with torch.no_grad():
        model.scale += 1e-3
    assert state_dict_sha256(model) != weights
    assert state_dict_sha256(model.bfloat16()) != weights
    data.labels[0, 0] = 1 - np.nan_to_num(data.labels[0, 0])
    changed = dataset_fingerprint(data)
    assert changed != items
    data.labels[:, 3] = -data.labels[:, 3]
    assert dataset_fingerprint(data) == changed, "a NaN is a NaN, whatever its bits"
    data.csv.loc[0, "source_uid"] = "other"
    assert dataset_fingerprint(data) != changed


class Page(HTMLParser):
    """Tags, attributes and text; and what is open at the end."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_loads_nothing_and_runs_nothing(specified: SimpleNamespace, tmp_path: Path) -> None:
    report = evaluate(specified.classifier, specified.dataset, out=tmp_path / "out").report
    assert report is not None
    text = report.read_text()
    page = Page(text)
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in page.tags:
        for key in ("src", "href", "xlink:href", "srcset", "action"):
            value = attributes.get(key) or ""
            assert value == "" or value.startswith(("data:image/png;base64,", "#")), (tag, key, value[:60])
        assert not any(key.startswith("on") for key in attributes), "no event handlers"
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text
    policies = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_the_report_shows_warnings_numbers_and_curves(specified: SimpleNamespace, tmp_path: Path) -> None:
    found = evaluate(specified.classifier, specified.dataset, out=tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    page = Page(text)
    words = " ".join(" ".join(page.text).split())
    assert "Not for medical use. Knows <fakes> only. No & patients." in words
    assert f"Mean AUROC {found.mean_auroc:.3f}" in words
    for _, row in found.metrics[found.metrics["status"] == "scored"].iterrows():
        assert f"{row.auroc:.3f} {row.auroc_low:.3f}–{row.auroc_high:.3f}" in words
    assert "not scored: one class only" in words
    assert "not scored: no labels" in words
    assert [a["aria-label"] for tag, a in page.tags if tag == "svg"] == ["ROC curve", "Calibration curve"] * 2
    assert "#010101" not in text
    assert "#020202" not in text
    assert "fake-net on fakes: 60 images, 30 patients" in words


def test_names_cannot_smuggle_markup(
    dataset: Callable[..., Any], classifier: Callable[..., Any], tmp_path: Path
) -> None:
    evil = ["<script>alert(1)</script>", "a\"b'c&d --> <!--", "Left"]
    generator = np.random.default_rng(0)
    data = dataset(generator.random((12, 2)), np.array([[1, 0], [0, 1]] * 6), names=evil[:2])
    data.csv["source_uid"] = ["<img src=x onerror=alert(1)>"] * 12
    data.csv["view"] = "</figcaption>"
    model = classifier(evil)
    model.spec = ClassifierSpec(name="net", warning="</div><b>bold</b>", **PLAIN)
    report = evaluate(model, data, out=tmp_path / "out").report
    assert report is not None
    page = Page(report.read_text())
    assert page.open == []
    assert {"script", "b"} & {tag for tag, _ in page.tags} == {"b"}
    assert [a["src"] for tag, a in page.tags if tag == "img" and not (a["src"] or "").startswith("data:")] == []
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert "</div><b>bold</b>" in "".join(page.text)


def test_examples_are_the_images_that_the_classifier_saw(usual: SimpleNamespace, tmp_path: Path) -> None:
    evaluate(usual.classifier, usual.dataset, out=tmp_path / "out", examples=5, seed=4)
    page = Page((tmp_path / "out" / "report.html").read_text())
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    expected = sorted(np.random.default_rng(4).choice(60, size=5, replace=False).tolist())
    assert [a["alt"] for a in images] == [f"Example image fake:{i}" for i in expected]
    for attributes, item in zip(images, expected, strict=True):
        data = base64.b64decode((attributes["src"] or "").partition(",")[2])
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        wanted = (usual.dataset[item]["img"][0].numpy() + 1024) * 255 / 2048
        assert pixels.shape == (16, 16)
        assert np.abs(pixels - wanted).max() <= 0.51


def test_no_examples_and_nothing_scored_still_make_a_report(
    dataset: Callable[..., Any], classifier: Callable[..., Any], tmp_path: Path
) -> None:
    data = dataset(np.full((3, 1), 0.5), np.zeros((3, 1)), patients=[None] * 3)
    report = evaluate(classifier(), data, out=tmp_path / "out", examples=0).report
    assert report is not None
    words = " ".join(" ".join(Page(report.read_text()).text).split())
    assert "Examples" not in words
    assert "Curves" not in words
    assert "3 labels left out Nodule the dataset has no such label" in words
    assert "3 images of unknown patient" in words


def test_the_report_does_not_depend_on_the_callers_plot_style(
    usual: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    def curves(name: str) -> list[str]:
        evaluate(usual.classifier, usual.dataset, out=tmp_path / name)
        return re.findall(r"<svg.*?</svg>", (tmp_path / name / "report.html").read_text(), re.DOTALL)

    plain = curves("a")
    backend = matplotlib.rcParams._get_backend_or_none()
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)
    assert curves("b") == plain
    assert matplotlib.rcParams["font.size"] == 30
    assert matplotlib.rcParams._get_backend_or_none() == backend


def test_a_failure_leaves_no_folder(usual: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise OSError("disk full")

    monkeypatch.setattr("xrv_eval.report.render", fail)
    with pytest.raises(OSError, match="disk full"):
        evaluate(usual.classifier, usual.dataset, out=tmp_path / "out", bootstrap=0)
    assert list(tmp_path.iterdir()) == []


def test_overwriting_replaces_an_earlier_evaluation_whole(
    usual: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    evaluate(usual.classifier, usual.dataset, out=out, bootstrap=0)
    evaluate(usual.classifier, usual.dataset, out=out, bootstrap=7, overwrite=True)
    assert json.loads((out / "run.json").read_text())["arguments"]["bootstrap"] == 7

    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("cannot")
        return rename(self, target)

    monkeypatch.setattr(folders, "_exchange", lambda one, other: False)  # as on a disk without that step
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="cannot"):
        evaluate(usual.classifier, usual.dataset, out=out, bootstrap=9, overwrite=True)
    assert json.loads((out / "run.json").read_text())["arguments"]["bootstrap"] == 7
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("raw", [False, True])
def test_no_cell_of_the_table_is_run_by_a_spreadsheet(
    dataset: Callable[..., Any], classifier: Callable[..., Any], tmp_path: Path, raw: bool
) -> None:
    names = ["=cmd|' /C calc'!A0", "-1+1"]
    data = dataset(np.random.default_rng(0).random((12, 2)), np.array([[1, 0], [0, 1]] * 6), names=names)
    found = evaluate(classifier(names), data, out=tmp_path / "out", bootstrap=0, raw_cells=raw)
    table = pd.read_csv(tmp_path / "out" / "metrics.csv")
    assert table["pathology"].tolist() == [name if raw else f"'{name}" for name in names]
    np.testing.assert_allclose(table["auroc"], found.metrics["auroc"])
    assert json.loads((tmp_path / "out" / "run.json").read_text())["spreadsheet_safe"] is not raw
