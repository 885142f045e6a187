"""What cannot be done: a typed error each, by its full text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xrv_core
from xrv_core.errors import ArgumentError, InputError, PathMissing, XrvError
from xrv_features import extract_features, load_features, plot_projection, project, table


def told(kind: type[XrvError], *arguments: Any, call: Any = extract_features, **options: Any) -> str:
    with pytest.raises(kind) as error:
        call(*arguments, **options)
    assert type(error.value) is kind
    return str(error.value)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "batch_size must be an integer, 1 or more, got 0."),
        ({"num_workers": 0.5}, "num_workers must be an integer, 0 or more, got 0.5."),
        ({"pool": "max"}, "pool='max' is neither 'flatten' nor 'mean'."),
        ({"columns": "sex"}, "columns must be a list of names, got the text 'sex': write ['sex']."),
        (
            {"columns": ["hospitol"]},
            "columns: dataset.csv has no column 'hospitol'. Did you mean 'hospital'? It has: patientid, source_uid, "
            "view, sex, age_years, hospital.",
        ),
    ],
)
def test_arguments(classifier: Any, dataset: Any, options: dict[str, Any], text: str) -> None:
    assert told(ArgumentError, classifier, dataset, **options) == text


def test_names_that_this_table_uses(classifier: Any, dataset: Any) -> None:
    dataset.csv["f12"] = 1
    assert told(ArgumentError, classifier, dataset, columns=["f12"]) == (
        "columns: 'f12' is what this table calls a column of its own; rename it in dataset.csv first."
    )
    dataset.pathologies = ["Mass", "Mass"]
    assert told(ArgumentError, classifier, dataset) == (
        "The dataset's pathologies name 'Mass' more than once: each is a column of its own."
    )


def test_what_is_no_model(dataset: Any) -> None:
    assert told(ArgumentError, "densenet", dataset) == (
        "model must be a torch.nn.Module, got str. Load one by name with xrv_core.get_classifier(name) or "
        "xrv_core.get_autoencoder(name)."
    )
    assert told(ArgumentError, nn.Linear(2, 2), dataset) == (
        "The model (Linear) has neither features(x) -> [B, D], as classifiers do, nor encode(x) and decode(z), as "
        "autoencoders do. xrv_core.models.BackboneClassifier gives any network features."
    )


def test_a_dataset_without_items(classifier: Any, another: Any) -> None:
    assert told(ArgumentError, classifier, another(0)) == (
        "The dataset has no items, so there is nothing to take features of."
    )


def test_a_dataset_without_images(classifier: Any, tmp_path: Path) -> None:
    paths = xrv_core.miniature("nih", tmp_path)
    without = xrv_core.get_dataset("nih", csvpath=paths["csvpath"])
    assert told(ArgumentError, classifier, without) == (
        "'nih' was opened without imgpath: it has labels but no images. Pass imgpath=...; how to obtain the images: "
        + xrv_core.describe_dataset("nih").obtain
    )


def test_images_that_are_not_square(classifier: Any, dataset: Any) -> None:
    dataset.pixels = lambda _idx: torch.zeros(1, 4, 5)
    assert told(InputError, classifier, dataset) == (
        "Item 0 ('fake:0') is 4 x 5 pixels (height x width), not square. "
        "Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer(4)])."
    )


def test_images_of_two_sizes(classifier: Any, dataset: Any) -> None:
    dataset.pixels = lambda idx: torch.zeros(1, 4 + idx // 3, 4 + idx // 3)
    assert told(InputError, classifier, dataset, batch_size=2) == (
        "Item 3 ('fake:3') is 5 x 5 pixels, the items before it are 4 x 4. "
        "Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer(4)])."
    )


def test_features_that_are_none(classifier: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(classifier), "features", lambda _self, x: x[:, 0] / (x[:, 0].amax() - 500))
    assert told(InputError, classifier, dataset) == (
        "The model's features(x) gave a tensor of shape [7, 4, 4] for 7 images, expected [7, D]."
    )
    monkeypatch.setattr(type(classifier), "features", lambda _self, x: x[:, 0, 0] / (x[:, 0, 0] - 500))
    assert told(InputError, classifier, dataset) == (
        "Item 5 ('fake:5'): feature 1 is inf. Look for NaN in the pixels of this item and in the weights."
    )
    monkeypatch.setattr(type(classifier), "features", lambda _self, _x: {"out": 1})
    assert told(InputError, classifier, dataset) == "The model's features(x) gave dict for 7 images, expected [7, D]."


def test_codes_of_two_shapes(autoencoder: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(autoencoder), "encode", lambda _self, x: x[..., : 4 - len(x) % 2])
    assert told(InputError, autoencoder, dataset, batch_size=2) == (
        "Item 6 ('fake:6'): the model's encode(x) gave the shape [1, 4, 3] for one image, but [1, 4, 4] for those "
        "before it."
    )


def test_folders(classifier: Any, dataset: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_features(classifier, dataset, out=out)
    before = (out / "features.parquet").read_bytes()
    assert told(ArgumentError, classifier, dataset, out=out) == (
        f"out='{out}' is not empty (it holds 'features.json'). Give a new folder, or overwrite=True (--overwrite) to "
        "replace an earlier extraction of features."
    )
    classifier.scale.data *= torch.nan
    told(InputError, classifier, dataset, out=out, overwrite=True)
    assert (out / "features.parquet").read_bytes() == before, "what fails replaces nothing"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    (out / "thesis.tex").write_text("mine")
    assert told(ArgumentError, classifier, dataset, out=out, overwrite=True) == (
        f"out='{out}' holds 'thesis.tex', which is no file of an extraction of features, so the folder is not "
        "replaced. Give another folder."
    )


def test_more_columns_than_a_file_should_have(
    autoencoder: Any, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_COLUMNS", 31)
    assert told(ArgumentError, autoencoder, dataset, out=tmp_path / "out") == (
        "One image has 32 features, and a Parquet file of more than 31 columns is of no use: average them over "
        'positions with pool="mean" (--pool mean), or keep them in memory with out=None.'
    )
    assert not list(tmp_path.iterdir())


def test_folders_without_features(tmp_path: Path) -> None:
    assert told(PathMissing, tmp_path, call=load_features) == (
        f"{tmp_path / 'features.parquet'}: no such file. Give the folder that `xrv features --out` wrote."
    )


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        (np.zeros(3), {}, "features must be numbers [N, D], got float64 of shape [3]."),
        (np.zeros((1, 3)), {}, "PCA needs at least 2 images, got 1."),
        (np.zeros((3, 3)), {"method": "umap"}, "UMAP needs at least 4 images, got 3."),
        (np.array([[0, 1], [np.nan, 2]]), {}, "Row 1 of the features has NaN or infinite numbers."),
    ],
)
def test_features_that_cannot_be_projected(
    monkeypatch: pytest.MonkeyPatch, values: Any, options: dict[str, Any], text: str
) -> None:
    monkeypatch.setattr("xrv_features.projection._installed", lambda: True)
    assert told(InputError, values, call=project, **{"method": "pca", **options}) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "tsne"}, "method='tsne' is neither 'umap' nor 'pca'."),
        ({"seed": -1}, "seed must be an integer, 0 or more, got -1."),
        ({"neighbors": 1}, "neighbors must be an integer, 2 or more, got 1."),
        ({"min_dist": 2}, "min_dist must lie in 0..1, got 2."),
    ],
)
def test_projections_that_cannot_be_made(options: dict[str, Any], text: str) -> None:
    assert told(ArgumentError, np.zeros((9, 2)), call=project, **{"method": "pca", **options}) == text


def test_colours(classifier: Any, dataset: Any) -> None:
    found = extract_features(classifier, dataset)
    projection = project(found, "pca")
    assert told(ArgumentError, projection, found.items, ["view", "Effusoin"], call=plot_projection) == (
        "There is nothing called 'Effusoin' to colour by. Did you mean 'Effusion'? "
        "Columns: patientid, view, sex, age_years. Labels: Effusion, Mass."
    )
    assert told(ArgumentError, projection, found.items[1:], call=plot_projection) == (
        "7 points do not belong to 6 items: give the items of the same features."
    )
    assert told(ArgumentError, projection, found.items, [], call=plot_projection) == (
        "color is empty: name at least one label or column, or pass None for the default."
    )
