"""Every field of a spec has the type of its annotation: what is wrong is named, and does not travel on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from messages import says

from xrv_core.errors import SpecError
from xrv_core.models import SavedClassifierSpec
from xrv_core.specs import (
    Asset,
    AutoencoderSpec,
    ClassifierSpec,
    CommandSpec,
    DatasetSpec,
    Listing,
    ReferenceOutput,
    SegmenterSpec,
)

FACTS = {
    "name": "x",
    "title": "A toy",
    "factory": "toy:Toy",
    "licence": "CC0",
    "citation": "none",
    "homepage": "https://example.org",
    "obtain": "Nothing to obtain.",
}
FILE = {"name": "a/b", "urls": ("https://example.org/b",)}
IMAGE = {"image": Asset(**FILE), "outputs": {"A": 0.5}, "source": "here"}
LABELLED = {**FACTS, "pathologies": ["A"], "build": {"timm": "resnet18"}}
#: A right spec of each kind.
RIGHT: dict[type, dict[str, Any]] = {
    DatasetSpec: FACTS,
    ClassifierSpec: FACTS,
    AutoencoderSpec: FACTS,
    SegmenterSpec: FACTS,
    SavedClassifierSpec: LABELLED,
    CommandSpec: {"name": "x", "title": "A toy", "factory": "toy:Toy"},
    Asset: FILE,
    ReferenceOutput: IMAGE,
    Listing: {"name": "x", "origin": "here", "place": "there"},
}
CASES = [(kind, field.name) for kind in RIGHT for field in fields(kind) if field.init]


@pytest.mark.parametrize(("kind", "field"), CASES)
def test_every_field_of_every_spec_refuses_what_it_cannot_be(kind: type, field: str) -> None:
    class Strange:
        def __repr__(self) -> str:
            return "<strange>"

    kind(**RIGHT[kind])
    for wrong in (Strange(), [Strange()], {1: Strange()}):
        with pytest.raises(SpecError, match=field if field != "factory" and field != "miniature" else "factory"):
            kind(**{**RIGHT[kind], field: wrong})


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        (DatasetSpec, {"images": "many"}, ("DatasetSpec 'x'", "'images'", "int | None", "str 'many'")),
        (DatasetSpec, {"images": 1.5}, ("'images'", "float '1.5'")),
        (DatasetSpec, {"images": True}, ("'images'", "bool 'True'")),
        (DatasetSpec, {"images": 10**5000}, ("'images'", "without bounds")),
        (DatasetSpec, {"pathologies": "Mass"}, ("'pathologies'", "tuple", "'Mass'")),
        (DatasetSpec, {"pathologies": {"Mass": 1}}, ("'pathologies'", "tuple", "dict")),
        (DatasetSpec, {"pathologies": None}, ("'pathologies'", "tuple", "NoneType")),
        (DatasetSpec, {"overlaps": [1, 2]}, ("'overlaps'", "tuple[str, ...]", "int '1'")),
        (DatasetSpec, {"pathologies": ["A"], "positives": {"A": "many"}}, ("'positives'", "'many'")),
        (DatasetSpec, {"positives": ["A"]}, ("'positives'", "Mapping", "list")),
        (DatasetSpec, {"tables": ["a.csv"]}, ("'tables'", "Asset", "'a.csv'")),
        (DatasetSpec, {"synthetic": "no"}, ("'synthetic'", "bool", "'no'")),
        (DatasetSpec, {"name": 5}, ("'name'", "str", "int '5'")),
        (DatasetSpec, {"title": b"x"}, ("'title'", "str", "bytes")),
        (DatasetSpec, {"title": "half \udcff"}, ("'title'", "half")),
        (DatasetSpec, {"aliases": [None]}, ("'aliases'", "NoneType")),
        (ClassifierSpec, {"weights": "w.pt"}, ("'weights'", "Asset | None", "'w.pt'")),
        (ClassifierSpec, {"reported": {"here": 0.5}}, ("'reported'", "float '0.5'")),
        (ClassifierSpec, {"reported": {"here": {"A": float("nan")}}}, ("'reported'", "nan")),
        (ClassifierSpec, {"pathologies": ["A"], "trained": [1]}, ("'trained'", "bool", "int '1'")),
        (ClassifierSpec, {"pathologies": ["A"], "op_threshs": ["0.5"]}, ("'op_threshs'", "'0.5'")),
        (AutoencoderSpec, {"code_shape": (4, "8")}, ("'code_shape'", "'8'")),
        (Asset, {"size": "12"}, ("Asset 'a/b'", "'size'", "'12'")),
        (Asset, {"urls": [None]}, ("Asset 'a/b'", "'urls'", "NoneType")),
        (Asset, {"sha256": 1}, ("'sha256'", "int")),
        (ReferenceOutput, {"image": "a.png"}, ("ReferenceOutput", "'image'", "'a.png'")),
        (Listing, {"classifiers": [1]}, ("Listing", "'classifiers'", "int '1'")),
        (CommandSpec, {"title": None}, ("CommandSpec 'x'", "'title'", "NoneType")),
    ],
)
def test_the_error_names_spec_field_type_and_what_was_found(kind: Any, wrong: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match=says(*words)):
        kind(**{**RIGHT[kind], **wrong})


def test_numbers_of_numpy_and_lists_become_plain_data() -> None:
    spec: Any = ClassifierSpec(
        **{**FACTS, "pathologies": np.array(["A", "B"]), "trained": np.array([True, False])},
        op_threshs=[np.float32(0.25), None],  # type: ignore[arg-type]
        input_resolution=np.int64(224),  # type: ignore[arg-type]
        reported=MappingProxyType({"here": MappingProxyType({"A": np.float64(0.5)})}),
    )
    assert (spec.trained, spec.op_threshs, spec.input_resolution) == ((True, False), (0.25, None), 224)
    assert [type(v) for v in (spec.trained[0], spec.op_threshs[0], spec.input_resolution)] == [bool, float, int]
    assert json.loads(json.dumps(spec.to_dict()))["reported"] == {"here": {"A": 0.5}}


def test_a_class_of_a_plugin_with_names_for_the_type_checker_only_is_checked_as_its_base() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Own(DatasetSpec):
        reader: OnlyForTheTypeChecker = None  # type: ignore[name-defined] # noqa: F821

    own: Callable[..., Any] = Own
    assert own(**FACTS, reader=5).reader == 5
    with pytest.raises(SpecError, match="'images'"):
        own(**FACTS, images="many")
