"""Classifiers of something else than findings: one of several classes, or a number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from messages import says

import xrv_core
from xrv_core.errors import ArgumentError, SpecError
from xrv_core.models import BackboneClassifier
from xrv_core.specs import ClassifierSpec

X = torch.linspace(-1024, 1024, 2 * 64).reshape(2, 1, 8, 8)


def spec(**more: Any) -> ClassifierSpec:
    words = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "none")
    return ClassifierSpec(name="toy", factory="toy:toy", pathologies=("A", "B", "C"), **{**words, **more})


def model(**more: Any) -> BackboneClassifier:
    return BackboneClassifier(torch.nn.Identity(), ["A", "B", "C"], num_features=1, **more)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("sigmoid", torch.sigmoid),
        ("softmax", lambda logits: logits.softmax(1)),
        ("identity", lambda logits: logits),
    ],
)
def test_predict_applies_the_activation_and_forward_does_not(
    activation: str, expected: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    toy = model(activation=activation)
    logits = toy(X)
    torch.testing.assert_close(logits, toy.classifier(toy.features(X)))
    found = torch.tensor([list(row.values()) for row in toy.predict(X)])
    torch.testing.assert_close(found, expected(logits.detach()))


def test_the_activation_of_the_spec_is_the_default() -> None:
    assert model(spec=spec(activation="softmax")).activation == "softmax"
    assert model(spec=spec(activation="softmax"), activation="identity").activation == "identity"
    assert model().activation == "sigmoid"


def test_a_new_classifier_is_one_of_findings() -> None:
    toy = model(activation="softmax")
    toy.classifier = torch.nn.Linear(1, 1)
    assert toy.activation == "sigmoid"


def test_unknown_activation() -> None:
    with pytest.raises(ArgumentError, match=says("activation='tanh'", "sigmoid, softmax, identity")):
        model(activation="tanh")
    with pytest.raises(SpecError, match=says("'toy'", "activation='tanh'", "sigmoid, softmax, identity")):
        spec(activation="tanh")


def test_operating_points_are_those_of_a_sigmoid() -> None:
    with pytest.raises(ArgumentError, match=says("op_threshs", "sigmoid", "activation is 'softmax'")):
        model(activation="softmax", op_threshs=[0.5] * 3)
    with pytest.raises(SpecError, match=says("'toy'", "'op_threshs'", "sigmoid", "'softmax'")):
        spec(activation="softmax", op_threshs=(0.5, 0.5, 0.5))


def test_weights_that_only_the_user_can_get() -> None:
    made = spec(weights_given=True, obtain="Ask the authors.")
    made = dataclasses.replace(
        made, factory="xrv_core.models:BackboneClassifier"
    )  # options are checked against it first
    with (
        xrv_core.register(made),
        pytest.raises(ArgumentError, match=says("'toy'", "weights=PATH", "Ask the authors.", "weights=None")),
    ):
        xrv_core.get_classifier("toy")
    with pytest.raises(SpecError, match=says("'toy'", "'weights_given'", "address")):
        spec(weights_given=True, weights=xrv_core.Asset(name="a/b", urls=("https://example.org/b",)))


def test_a_reference_output_needs_numbers() -> None:
    image = xrv_core.Asset(name="images/a.png", urls=("https://example.org/a.png",))
    with pytest.raises(SpecError, match=says("'images/a.png'", "numbers and a source")):
        xrv_core.ReferenceOutput(image=image, outputs={}, source="a page")
    made = xrv_core.ReferenceOutput(image=image, outputs={"Mass": 0.5}, source="a page")
    assert hash(spec(reference_outputs=[made])) == hash(spec(reference_outputs=(made,)))
