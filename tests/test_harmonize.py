"""Common label names: the vocabulary, what is made of it, and that nothing is made up."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from view_toys import Stranger, toy

import xrv_core
from xrv_core.datasets import MergeDataset, Vocabulary, default_pathologies, harmonize
from xrv_core.datasets.harmonization.vocabulary import packaged_vocabulary
from xrv_core.errors import ArgumentError, PathMissing, TableError

NAN = float("nan")
WORDS = packaged_vocabulary()


def column(rows: list[tuple[float, ...]], names: str, wanted: str, **options: Any) -> list[float]:
    d = toy("a", rows, names.replace(" ", "|").replace(",", " "))
    d.pathologies = names.split(",")
    (view,), _ = harmonize(d, [wanted], **options)
    return [float(v) for v in view.labels[:, 0]]


def same(found: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(found, expected)


# -- the vocabulary


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Pleural Effusion", "Effusion"),
        ("Airspace Opacity", "Lung Opacity"),
        ("pleural thickening", "Pleural_Thickening"),
        ("COVID-19", "COVID-19"),
        ("pseudonodule", None),
        ("subcutaneous emphysema", None),
        ("callus rib fracture", None),
        ("cystic fibrosis", None),
    ],
)
def test_names_and_terms_that_are_none(name: str, canonical: str | None) -> None:
    assert WORDS.canonical(name) == canonical


def test_every_label_of_every_dataset_is_known_under_its_own_name() -> None:
    labels = {p for name in xrv_core.list_datasets() for p in xrv_core.describe_dataset(name).pathologies}
    assert {p for p in labels if WORDS.canonical(p) is None} == set()
    other = {p: WORDS.canonical(p) for p in labels if WORDS.canonical(p) != p}
    assert other == {"Pulmonary Fibrosis": "Fibrosis"}
    assert set(default_pathologies) <= set(WORDS.names)


def test_relations() -> None:
    assert WORDS.parts("Nodule/Mass") == ("Nodule", "Mass")
    assert set(WORDS.narrower("Lung Lesion")) == {"Nodule", "Mass", "Nodule/Mass"}
    assert {"Lung Lesion", "Nodule", "Pneumonia"} <= set(WORDS.narrower("Lung Opacity"))
    assert WORDS.broader("Cardiomegaly") == ("Enlarged Cardiomediastinum",)
    assert WORDS.unions_with("Mass") == ("Nodule/Mass",)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([{"synonyms": ["A"]}], r"vocabulary: .*no name: .*'synonyms'"),
        ([{"name": "A", "is_a": ["B"]}],
         "'A' .*unknown key 'is_a'; allowed: name, synonyms, one_of, narrower, not"),
        ([{"name": "A", "synonyms": "B"}], "synonyms of 'A' must be a list of strings, got 'B'"),
        ([{"name": "A", "synonyms": ["b_c"]}, {"name": "B c"}], "'B c' means both 'A' and 'B c'"),
        ([{"name": "A", "narrower": ["B"]}], "narrower of 'A' names 'B', which is not in"),
        ([{"name": "A", "narrower": ["B"]}, {"name": "B", "narrower": ["A"]}], "'A' is narrower than itself"),
        ([{"name": "A", "synonyms": ["B"], "not": ["b"]}], "'b' is both a synonym of 'A' and .*'not'"),
    ],
)  # fmt: skip
def test_a_vocabulary_that_contradicts_itself(entries: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(TableError, match=text):
        Vocabulary(entries)


def test_a_vocabulary_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    with pytest.raises(PathMissing, match=says(file, "no such file", "labels.toml")):
        harmonize(toy(), ["X"], vocabulary=file)
    file.write_text("[[label]\n")
    with pytest.raises(TableError, match=re.escape(f"{file}: not a vocabulary: ")):
        harmonize(toy(), ["X"], vocabulary=file)
    file.write_text('[[label]]\nname = "Spot"\nsynonyms = ["Nodule"]\n')
    (view,), report = harmonize(toy(), ["Spot"], vocabulary=file)
    same(view.labels[:, 0].tolist(), [0, 1, 1, 0])
    assert report["rule"].tolist() == ["synonym"]


# -- what is made of it

MASS_AND_NODULE: list[tuple[float, ...]] = [(1, 0), (0, 0), (NAN, 1), (0, NAN)]


def test_synonyms() -> None:
    same(column([(1.0,), (0,), (NAN,), (1,)], "Pleural effusion", "Effusion"), [1, 0, NAN, 1])
    same(column([(1, 0), (0, 0), (NAN, 0), (0, NAN)], "Edema,Oedema", "Edema"), [1, 0, NAN, NAN])


@pytest.mark.parametrize("infer", ["exact", "positives", "all"])
def test_a_union_is_known_where_its_parts_are(infer: str) -> None:
    same(column(MASS_AND_NODULE, "Mass,Nodule", "Nodule/Mass", infer=infer), [1, 0, 1, NAN])
    same(column(MASS_AND_NODULE, "Mass,Nodule", "Nodule/Mass", infer="none"), [NAN] * 4)
    # one part alone tells when it is present, not when it is absent
    expected = [NAN] * 4 if infer == "exact" else [1, NAN, NAN, NAN]
    same(column([(1.0,), (0,), (NAN,), (0,)], "Mass", "Nodule/Mass", infer=infer), expected)


def test_the_parts_of_an_absent_union_are_absent() -> None:
    same(column([(1.0,), (0,), (NAN,), (0,)], "Nodule/Mass", "Mass"), [NAN, 0, NAN, 0])


def test_a_case_of_it_makes_it_present_where_that_is_asked_for() -> None:
    same(column(MASS_AND_NODULE, "Mass,Nodule", "Lung Lesion"), [NAN] * 4)
    same(column(MASS_AND_NODULE, "Mass,Nodule", "Lung Lesion", infer="positives"), [1, NAN, 1, NAN])


def test_the_broader_absent_makes_it_absent_where_that_is_asked_for() -> None:
    rows: list[tuple[float, ...]] = [(1,), (0,), (NAN,), (0,)]
    same(column(rows, "Lung Opacity", "Edema", infer="positives"), [NAN] * 4)
    same(column(rows, "Lung Opacity", "Edema", infer="all"), [NAN, 0, NAN, 0])


VALUES = st.sampled_from([0.0, 1.0, NAN])


@settings(max_examples=30)
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=2, max_size=8).filter(lambda rows: len(rows) % 2 == 0))
def test_what_a_label_says_is_never_overruled(rows: list[tuple[float, ...]]) -> None:
    names, truth = "Lung Lesion,Mass,Nodule", np.array(rows, dtype=np.float32)
    levels = [column(rows, names, "Lung Lesion", infer=infer) for infer in ("none", "exact", "positives", "all")]
    known = ~np.isnan(truth[:, 0])
    for found in levels:
        same(np.array(found)[known].tolist(), truth[known, 0].tolist())
    for less, more in pairwise(levels):
        told = ~np.isnan(less)
        same(np.array(more)[told].tolist(), np.array(less)[told].tolist())
    case = (truth[:, 1:] == 1).any(axis=1)
    assert all(v == 1 for v in np.array(levels[2])[~known & case])


def test_the_report_says_what_became_of_each_label() -> None:
    d = toy("a", [(0, 1), (NAN, 1), (0, 0), (1, NAN)], "Lung|Lesion Nodule")
    d.pathologies = ["Lung Lesion", "Nodule"]
    _, report = harmonize([d, Stranger()], ["Lung Lesion", "Edema"], infer="positives")
    assert report.to_dict("split")["data"] == [
        ["0 a", "Lung Lesion", "same name and relation", "Lung Lesion, Nodule", 2, 2, 0, 1, 1],
        ["0 a", "Edema", "unknown", "", 0, 0, 4, 0, 0],
        ["1 Stranger", "Lung Lesion", "relation", "Nodule, Mass", 2, 0, 0, 2, 0],
        ["1 Stranger", "Edema", "unknown", "", 0, 0, 2, 0, 0],
    ]


def test_scores_are_left_out() -> None:
    d = toy("a", [(1, 3.5), (0, 8), (1, 0), (0, 1)])
    (view,), report = harmonize(d, ["Mass", "Nodule"])
    assert np.isnan(view.labels[:, 1]).all()
    assert report["rule"].tolist() == ["same name", "not used: its values are scores, not 1 and 0"]


def test_masks_and_evidence_go_with_the_labels() -> None:
    d = toy("a", [(1, 1), (0, 1), (0, 0), (1, 0)])
    (view,), _ = harmonize(d, ["Nodule/Mass", "Mass"])
    masks = view[0]["pathology_masks"]
    assert masks.keys() == {0, 1}
    assert masks[0][0, :, 0].tolist() == [1, 1, 0, 0], "the union of both masks"
    assert masks[1][0, :, 0].tolist() == [1, 0, 0, 0]
    assert view.why(1, "Nodule/Mass") == {"Mass": 0.0, "Nodule": 1.0}
    union = toy("b", [(1.0,), (0,)], "Nodule/Mass")
    (view,), _ = harmonize(union, ["Mass"])
    assert view[0]["pathology_masks"] == {}, "a mask of a nodule or mass is no mask of a mass"
    assert view.why(1, "Mass") == {"Nodule/Mass": 0.0}, "but it is why there is none"


def test_harmonized_datasets_merge() -> None:
    merged = MergeDataset(harmonize([toy("a"), toy("b", names="Effusion Hernia")]).datasets)
    assert merged.pathologies == default_pathologies
    assert merged.labels.shape == (8, 18)


def test_arguments_that_cannot_be_used() -> None:
    with pytest.raises(ArgumentError, match=r"infer='some'.*none, exact, positives, all"):
        harmonize(toy(), infer="some")
    with pytest.raises(ArgumentError, match=says("harmonize", "at least one dataset")):
        harmonize([])
