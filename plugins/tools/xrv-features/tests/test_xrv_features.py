"""Features are the model's own, item by item; the table beside them is the dataset's."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import xrv_core
from xrv_core.datasets import CovariateDataset, MergeDataset
from xrv_features import extract_features, load_features
from xrv_features.table import ParquetRows


def by_hand(data: Any) -> np.ndarray:
    return np.stack([2 * data[i]["img"][0, 0].numpy() for i in range(len(data))])


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_values_are_the_models_item_by_item(classifier: Any, dataset: Any, batch_size: int) -> None:
    found = extract_features(classifier, dataset, batch_size=batch_size)
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, by_hand(dataset))
    assert (len(found), found.dimension, found.path) == (7, 4, None)
    assert repr(found) == "<Features of FakeClassifier on FakeDataset: 7 images x 4 features>"


def test_a_real_model_gives_what_it_gives_alone() -> None:
    data, model = xrv_core.get_dataset("phantom", n=5, size=64), xrv_core.get_classifier("phantom-net")
    found = extract_features(model, data, batch_size=2)
    with torch.no_grad():
        alone = np.concatenate([model.features(data[i]["img"][None]).numpy() for i in range(5)])
    np.testing.assert_allclose(found.values, alone, rtol=1e-4, atol=1e-5)
    assert found.items["source_uid"].tolist() == data.csv["source_uid"].tolist()


def test_the_table_is_the_datasets(classifier: Any, dataset: Any) -> None:
    items = extract_features(classifier, dataset, columns=["hospital", "sex"]).items
    assert list(items.columns) == [
        "idx", "source_uid", "patientid", "view", "sex", "age_years", "hospital", "label:Effusion", "label:Mass",
    ]  # fmt: skip
    assert items["idx"].tolist() == list(range(7))
    for name in ("source_uid", "patientid", "view", "hospital"):
        assert items[name].tolist() == dataset.csv[name].tolist()
    assert items["sex"].isna().tolist() == dataset.csv["sex"].isna().tolist()
    np.testing.assert_array_equal(items[["label:Effusion", "label:Mass"]].to_numpy(), dataset.labels)
    assert items["label:Mass"].isna().sum() == 3


def test_codes_are_flattened_or_averaged(autoencoder: Any, dataset: Any) -> None:
    flat = extract_features(autoencoder, dataset)
    images = np.stack([dataset[i]["img"].numpy().ravel() for i in range(7)])
    np.testing.assert_array_equal(flat.values, np.concatenate([images, -images], axis=1))
    assert flat.run["features"] == {"dimension": 32, "method": "encode", "shape": [2, 4, 4], "pool": "flatten"}
    mean = extract_features(autoencoder, dataset, pool="mean")
    np.testing.assert_allclose(mean.values, np.stack([images.mean(1), -images.mean(1)], axis=1), rtol=1e-6)
    assert mean.run["features"] == {"dimension": 2, "method": "encode", "shape": [2, 4, 4], "pool": "mean"}


def test_merged_datasets_say_where_an_item_is_from(classifier: Any, another: Any) -> None:
    merge = MergeDataset([another(2, uid="a"), another(3, uid="b")])
    found = extract_features(classifier, merge, batch_size=4)
    assert found.items["source"].tolist() == [0, 0, 1, 1, 1]
    assert found.items["source_uid"].tolist() == ["a:0", "a:1", "b:0", "b:1", "b:2"]
    np.testing.assert_array_equal(found.values, by_hand(merge))
    assert found.run["dataset"]["name"] == "FakeDataset + FakeDataset"
    assert [part["items"] for part in found.run["dataset"]["datasets"]] == [2, 3]


def test_a_covariate_shift_keeps_its_sites(classifier: Any, another: Any) -> None:
    sites = [another(40, uid=uid) for uid in "ab"]
    targets = [(np.arange(40) // 2 % 2).astype(float) for _ in sites]
    shift = CovariateDataset(sites[0], targets[0], sites[1], targets[1], ratio=0.5, mode="train", seed=0)
    items = extract_features(classifier, shift).items
    assert set(items["site"]) == {0, 1}
    assert items["site"].tolist() == shift.csv["site"].tolist()


def test_what_is_written_is_what_was_found(
    classifier: Any, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ParquetRows.__init__, "__defaults__", (2 * 4 * 4,))  # two rows of four features
    expected = extract_features(classifier, dataset, columns=["hospital"])
    found = extract_features(classifier, dataset, columns=["hospital"], out=tmp_path / "out", batch_size=1)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["features.json", "features.parquet"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert found.path == tmp_path / "out" / "features.parquet"
    assert pq.ParquetFile(found.path).num_row_groups == 4
    frame = pd.read_parquet(found.path)
    assert list(frame.columns) == [*expected.items.columns, "f0", "f1", "f2", "f3"]
    assert frame[["f0", "f3", "label:Mass"]].dtypes.tolist() == [np.float32] * 3
    np.testing.assert_array_equal(frame[["f0", "f1", "f2", "f3"]].to_numpy(), expected.values)
    assert frame["sex"].isna().sum() == 2
    for again in (found, load_features(tmp_path / "out")):
        np.testing.assert_array_equal(again.values, expected.values)
        pd.testing.assert_frame_equal(again.items, expected.items, check_dtype=False)
        assert list(again.frame().columns) == list(frame.columns)
        assert again.run == json.loads((tmp_path / "out" / "features.json").read_text())


def test_the_record(classifier: Any, dataset: Any) -> None:
    run = extract_features(classifier, dataset, batch_size=2, device="cpu").run
    weights = hashlib.sha256(b"scale|torch.float32|(1,)|" + np.float32(2).tobytes()).hexdigest()
    assert run["model"]["state_dict_sha256"] == weights
    assert run["dataset"]["items"] == 7
    assert run["arguments"] == {"pool": "flatten", "batch_size": 2, "num_workers": 0, "device": "cpu"}
    assert run["features"] == {"dimension": 4, "method": "features", "shape": [4], "pool": None}
    assert run["image_size"] == [4, 4]
    assert run["notice"] == "Not for medical use."
    assert run["versions"].keys() >= {"xrv_features", "xrv_core", "torch", "python"}
    assert json.loads(json.dumps(run, allow_nan=False)) == run


def test_workers_give_the_same(classifier: Any, dataset: Any) -> None:
    found = extract_features(classifier, dataset, batch_size=2, num_workers=1)
    np.testing.assert_array_equal(found.values, by_hand(dataset))


def test_nothing_is_left_changed(classifier: Any, dataset: Any) -> None:
    classifier.train()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    extract_features(classifier, dataset)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)
    assert classifier.training
    assert classifier.dropout.training
    assert torch.is_grad_enabled()


def test_importing_and_listing_load_nothing_heavy() -> None:
    code = (
        "import sys, xrv_features, xrv_features.plugin, xrv_features.cli; xrv_features.plugin.xrv_commands(); "
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'matplotlib', 'jinja2', 'umap'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
