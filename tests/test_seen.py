"""A saved classifier knows which images and patients it has seen: leakage is decided by image and patient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from view_toys import spec, table

import xrv_core as xrv
from xrv_core.datasets import XrayDataset, check_training_data, split
from xrv_core.datasets.leakage import SeenData, seen_from_text, seen_to_text
from xrv_core.errors import ArgumentError, CheckpointError, LeakageError
from xrv_core.models import BackboneClassifier, fit_operating_points, save_classifier, write_safetensors


class Plain(XrayDataset):
    def pixels(self, row: int) -> np.ndarray:
        return np.linspace(-1000, 1000, 32 * 32, dtype=np.float32).reshape(1, 32, 32) * (1 - row % 7 / 10)


def plain(name: str, numbers: list[int], patients: list[str | None]) -> Plain:
    csv = table(name, [*patients, *[None] * (len(numbers) % 2)]).iloc[: len(numbers)].copy()
    csv["source_uid"] = pd.Series([f"{name}:{n}" for n in numbers], dtype="str")
    labels = (np.arange(len(numbers)) % 3 == 0).astype(np.float32)[:, None]
    return Plain(spec(name, ("Mass",)), csv, labels)


def network() -> BackboneClassifier:
    return BackboneClassifier("resnet10t", ["Mass"], input_resolution=32).eval()


def saved(folder: Path, model: Any = None, **more: Any) -> Any:
    save_classifier(model or network(), folder / "mine.safetensors", **more)
    return xrv.get_classifier(folder / "mine.safetensors")


@pytest.fixture
def parts() -> dict[str, Any]:
    whole = plain("nih", list(range(60)), [f"p{i // 3}" for i in range(60)])
    return split(whole, {"train": 0.6, "valid": 0.2, "test": 0.2})


def test_own_held_out_patients_can_be_tested(tmp_path: Path, parts: dict[str, Any]) -> None:
    model = saved(tmp_path, trained_on=parts["train"], tuned_on=parts["valid"], training_data=["nih:train"])
    assert check_training_data(model, parts["test"]) == []
    for part, word in (("train", "trained"), ("valid", "tuned")):
        with pytest.raises(LeakageError, match=says(word, f"{len(parts[part])} of these {len(parts[part])} images")):
            check_training_data(model, parts[part])
    with pytest.raises(LeakageError, match=says("1 of these 25 images", "1 of these 9 patients")):
        check_training_data(model, parts["test"].merge(parts["train"].subset([0])))


def test_another_image_of_a_seen_patient_is_found(tmp_path: Path) -> None:
    model = saved(tmp_path, trained_on=plain("nih", [1, 2], ["a", "b"]))
    with pytest.raises(LeakageError, match=says("0 of these 2 images", "1 of these 2 patients")):
        check_training_data(model, plain("nih", [3, 4], ["b", "c"]))
    assert check_training_data(model, plain("padchest", [1, 2], ["a", "b"])) == [], "another hospital's patient a"


def test_names_without_images_stay_names(tmp_path: Path, parts: dict[str, Any]) -> None:
    model = saved(tmp_path, training_data=["nih"])
    with pytest.raises(LeakageError, match="images of this collection"):
        check_training_data(model, parts["test"])
    with pytest.raises(LeakageError, match="images of this collection"):  # what the first training saw is unknown
        check_training_data(saved(tmp_path, model, trained_on=parts["train"]), parts["test"])
    more = saved(tmp_path, trained_on=parts["train"], training_data=["nih:train", "padchest"])
    assert check_training_data(more, parts["test"]) == []
    with pytest.raises(LeakageError, match="images of this collection"):
        check_training_data(more, plain("padchest", [1, 2], ["x", "y"]))


def test_collections_whose_images_have_other_names_stay_suspect(tmp_path: Path, parts: dict[str, Any]) -> None:
    model = saved(tmp_path, trained_on=parts["train"])
    with pytest.raises(LeakageError, match=says("nih and rsna")):
        check_training_data(model, plain("rsna", [1, 2], [None, None]))


def test_a_chain_of_trainings_is_kept(tmp_path: Path, parts: dict[str, Any]) -> None:
    first = saved(tmp_path, trained_on=parts["train"])
    assert first.spec.training_data == ("nih",)
    second = saved(tmp_path, first, trained_on=plain("padchest", [1, 2], ["x", "y"]), name="second")
    assert (second.spec.training_data, [one.use for one in second.seen]) == (("nih", "padchest"), ["trained"] * 2)
    assert check_training_data(second, parts["test"]) == []
    with pytest.raises(LeakageError, match=says("2 of these 2 images")):
        check_training_data(second, plain("padchest", [2, 1], ["y", "x"]))
    with pytest.raises(LeakageError, match="27 of these 27 images"):
        check_training_data(second, parts["train"])


def test_points_may_be_fitted_again_on_the_data_they_were_tuned_on(tmp_path: Path, parts: dict[str, Any]) -> None:
    model = saved(tmp_path, trained_on=parts["train"], tuned_on=parts["valid"])
    with pytest.raises(LeakageError, match=says("27 of these 27 images")):
        fit_operating_points(model, parts["train"])
    fit_operating_points(model, parts["valid"])


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
@settings(max_examples=40, deadline=None)
def test_the_record_finds_what_the_names_would(one: set[int], other: set[int]) -> None:
    def data(numbers: set[int]) -> Plain:
        numbers = numbers or {99}
        return plain("nih", sorted(numbers), [f"p{n // 4}" if n % 5 else None for n in sorted(numbers)])

    train, test = data(one), data(other)
    (record,) = seen_from_text(seen_to_text([SeenData.of([train], "trained")]))
    images = len({*train.csv["source_uid"]} & {*test.csv["source_uid"]})
    people = len({*train.csv["patientid"].dropna()} & {*test.csv["patientid"].dropna()})
    text = record.found_in(test)
    assert bool(text) == bool(images or people)
    if text:
        known = test.csv["patientid"].nunique()
        assert f"on {images} of these {len(test)} images and on {people} of these {known} patients" in text


def test_no_name_is_in_the_file(tmp_path: Path) -> None:
    train = plain("nih", [123456, 2], ["patient-x", "b"])
    first = SeenData.of([train], "trained")
    assert not np.isin(first.images, SeenData.of([train], "trained").images).any(), "each file has its own salt"
    saved(tmp_path, trained_on=train)
    content = (tmp_path / "mine.safetensors").read_bytes()
    assert b"123456" not in content
    assert b"patient-x" not in content
    assert len(seen_to_text([SeenData.of([plain("nih", [*range(2000)], [None] * 2000)], "trained")])) < 12 * 2000


@pytest.mark.parametrize("text", ["{}", "[1]", "no", '[{"use": "trained"}]', "RECORD"])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    train = plain("nih", [1, 2], ["a", "b"])
    records = json.loads(seen_to_text([SeenData.of([train], "trained")]))
    records[0]["images"] = "AAAA"
    path = tmp_path / "mine.safetensors"
    model = saved(tmp_path)
    metadata = {"xrv_core": _metadata(path)["xrv_core"], "xrv_core.seen": text.replace("RECORD", json.dumps(records))}
    write_safetensors(path, model.state_dict(), metadata)
    with pytest.raises(CheckpointError, match=says("mine.safetensors", "training images")):
        xrv.get_classifier(path)


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=says("no", "pathologies")):
        save_classifier(network(), tmp_path / "mine.safetensors", trained_on="nih")
    assert not list(tmp_path.iterdir())
    assert torch.is_tensor(network()(torch.zeros(1, 1, 32, 32)))
