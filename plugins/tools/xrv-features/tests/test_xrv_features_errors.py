"""Arguments, models and datasets without features: the typed error and what its message names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xrv_core
from xrv_core.errors import ArgumentError, InputError, PathMissing, XrvError
from xrv_features import extract_features, load_features, plot_projection, project, table


def refused(kind: type[XrvError], pattern: str, *arguments: Any, call: Any = extract_features, **options: Any) -> None:
    """Check that the error is of this type, and that its message matches."""
    with pytest.raises(kind, match=pattern) as error:
        call(*arguments, **options)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"batch_size": 0}, "^batch_size .* 1 or more, got 0"),
        ({"num_workers": 0.5}, "^num_workers .* integer, .* got 0.5"),
        ({"pool": "max"}, "^pool='max' .*flatten, mean"),
        ({"columns": "sex"}, r"^columns .*'sex'.* \['sex'\]"),
        ({"columns": ["hospitol"]}, "^columns: .*'hospitol'.* mean 'hospital'.* patientid, source_uid, view, sex"),
    ],
)
def test_arguments(classifier: Any, dataset: Any, options: dict[str, Any], pattern: str) -> None:
    refused(ArgumentError, pattern, classifier, dataset, **options)


def test_names_that_this_table_uses(classifier: Any, dataset: Any) -> None:
    dataset.csv["f12"] = 1
    refused(ArgumentError, "^columns: 'f12' .*rename", classifier, dataset, columns=["f12"])
    dataset.pathologies = ["Mass", "Mass"]
    refused(ArgumentError, "pathologies .*'Mass' more than once", classifier, dataset)


def test_what_is_no_model(dataset: Any) -> None:
    refused(ArgumentError, "got str.*get_classifier.*get_autoencoder", "densenet", dataset)
    refused(ArgumentError, r"Linear.* neither features\(x\).* nor encode\(x\)", nn.Linear(2, 2), dataset)


def test_a_dataset_without_items(classifier: Any, another: Any) -> None:
    refused(ArgumentError, "no items", classifier, another(0))


def test_a_dataset_without_images(classifier: Any, tmp_path: Path) -> None:
    paths = xrv_core.miniature("nih", tmp_path)
    without = xrv_core.get_dataset("nih", csvpath=paths["csvpath"])
    obtain = re.escape(xrv_core.describe_dataset("nih").obtain)
    refused(ArgumentError, f"'nih' .*imgpath.*{obtain}", classifier, without)


def test_images_that_are_not_square(classifier: Any, dataset: Any) -> None:
    dataset.pixels = lambda _idx: torch.zeros(1, 4, 5)
    pattern = r"^Item 0 \('fake:0'\) is 4 x 5 pixels .*not square.* XRayResizer\(4\)"
    refused(InputError, pattern, classifier, dataset)


def test_images_of_two_sizes(classifier: Any, dataset: Any) -> None:
    dataset.pixels = lambda idx: torch.zeros(1, 4 + idx // 3, 4 + idx // 3)
    pattern = r"^Item 3 \('fake:3'\) is 5 x 5 pixels.* 4 x 4.* XRayResizer\(4\)"
    refused(InputError, pattern, classifier, dataset, batch_size=2)


def test_features_that_are_none(classifier: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(classifier), "features", lambda _self, x: x[:, 0] / (x[:, 0].amax() - 500))
    expected = r"for 7 images, expected \[7, D\]"
    refused(InputError, rf"features\(x\) gave .*\[7, 4, 4\] {expected}", classifier, dataset)
    monkeypatch.setattr(type(classifier), "features", lambda _self, x: x[:, 0, 0] / (x[:, 0, 0] - 500))
    refused(InputError, r"^Item 5 \('fake:5'\): feature 1 is inf", classifier, dataset)
    monkeypatch.setattr(type(classifier), "features", lambda _self, _x: {"out": 1})
    refused(InputError, rf"features\(x\) gave dict {expected}", classifier, dataset)


def test_codes_of_two_shapes(autoencoder: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(autoencoder), "encode", lambda _self, x: x[..., : 4 - len(x) % 2])
    pattern = r"^Item 6 \('fake:6'\): .*encode\(x\) .*\[1, 4, 3\].* \[1, 4, 4\]"
    refused(InputError, pattern, autoencoder, dataset, batch_size=2)


def test_folders(classifier: Any, dataset: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_features(classifier, dataset, out=out)
    before = (out / "features.parquet").read_bytes()
    where = f"^out={re.escape(repr(str(out)))} "
    refused(ArgumentError, f"{where}.*not empty.*'features.json'.*--overwrite", classifier, dataset, out=out)
    classifier.scale.data *= torch.nan
    refused(InputError, "nan", classifier, dataset, out=out, overwrite=True)
    assert (out / "features.parquet").read_bytes() == before, "what fails replaces nothing"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    (out / "thesis.tex").write_text("mine")
    refused(ArgumentError, f"{where}.*'thesis.tex'.* not replaced", classifier, dataset, out=out, overwrite=True)


def test_more_columns_than_a_file_should_have(
    autoencoder: Any, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_COLUMNS", 31)
    pattern = '32 features.* 31 columns.* pool="mean" .*out=None'
    refused(ArgumentError, pattern, autoencoder, dataset, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_folders_without_features(tmp_path: Path) -> None:
    pattern = f"^{re.escape(str(tmp_path / 'features.parquet'))}: no such file"
    refused(PathMissing, pattern, tmp_path, call=load_features)


@pytest.mark.parametrize(
    ("values", "options", "pattern"),
    [
        (np.zeros(3), {}, r"\[N, D\], got float64 of shape \[3\]"),
        (np.zeros((1, 3)), {}, "^PCA .* 2 images, got 1"),
        (np.zeros((3, 3)), {"method": "umap"}, "^UMAP .* 4 images, got 3"),
        (np.array([[0, 1], [np.nan, 2]]), {}, "^Row 1 .*NaN"),
    ],
)
def test_features_that_cannot_be_projected(
    monkeypatch: pytest.MonkeyPatch, values: Any, options: dict[str, Any], pattern: str
) -> None:
    monkeypatch.setattr("xrv_features.projection._installed", lambda: True)
    refused(InputError, pattern, values, call=project, **{"method": "pca", **options})


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"method": "tsne"}, "^method='tsne' .*umap, pca"),
        ({"seed": -1}, "^seed .* 0 or more, got -1"),
        ({"neighbors": 1}, "^neighbors .* 2 or more, got 1"),
        ({"min_dist": 2}, r"^min_dist .* 0\.\.1, got 2"),
    ],
)
def test_projections_that_cannot_be_made(options: dict[str, Any], pattern: str) -> None:
    refused(ArgumentError, pattern, np.zeros((9, 2)), call=project, **{"method": "pca", **options})


def test_colours(classifier: Any, dataset: Any) -> None:
    found = extract_features(classifier, dataset)
    projection = project(found, "pca")
    pattern = "'Effusoin'.* mean 'Effusion'.* Columns: patientid, view, sex, age_years.* Labels: Effusion, Mass"
    refused(ArgumentError, pattern, projection, found.items, ["view", "Effusoin"], call=plot_projection)
    refused(ArgumentError, "7 points .* 6 items", projection, found.items[1:], call=plot_projection)
    refused(ArgumentError, "^color is empty", projection, found.items, [], call=plot_projection)
