"""fit_operating_points: the threshold of each label that maximises TPR - FPR, as scikit-learn finds it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve
from torch import nn

import xrv_core as xrv
from xrv_core.errors import ArgumentError, ImageError, InputError, LeakageError
from xrv_core.models import BackboneClassifier, OperatingPoint, fit_operating_points
from xrv_core.models.running.operating_points import youden

NAN = math.nan
CHANCE = "no threshold is better than chance (TPR - FPR is never above 0)"


class Data:
    """Random images, with the labels given."""

    def __init__(self, labels: dict[str, list[float]], *, side: int = 8, sizes: tuple[int, ...] = ()) -> None:
        self.pathologies = list(labels)
        self.labels = np.array(list(labels.values()), dtype=np.float32).T
        self.csv = pd.DataFrame(
            {"patientid": "p", "view": "PA", "source_uid": [f"d:{i}" for i in range(len(self.labels))]}
        )
        generator = torch.Generator().manual_seed(0)
        sides = sizes or (side,) * len(self.labels)
        self.images = [torch.rand(1, s, s, generator=generator) * 2048 - 1024 for s in sides]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int):
        return {"idx": i, "img": self.images[i], "lab": self.labels[i]}


class Pixels(nn.Module):
    """The first pixels as features; what it gives is known, and dropout would show that it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(x.flatten(1)[:, :3] / 1024)


def model(names=("Mass", "Nodule", "Edema"), **options) -> BackboneClassifier:
    built = BackboneClassifier(Pixels(), list(names), num_features=3, **options)
    nn.init.eye_(built.classifier.weight)
    nn.init.zeros_(built.classifier.bias)
    return built


def coins(n: int, seed: int) -> list[float]:
    return np.random.default_rng(seed).integers(0, 2, n).astype(float).tolist()


def oracle(labels, scores) -> tuple[float, float, float]:
    fpr, tpr, thresholds = roc_curve(labels, scores)
    best = np.argmax(tpr - fpr)
    return float(thresholds[best]), float(tpr[best]), float(fpr[best])


# -- the choice


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 31), st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=40))
def test_as_scikit_learn_over_ties_and_equal_maxima(pairs):
    scores = np.array([s for s, _ in pairs], dtype=np.float32) / 32
    labels = np.array([label for _, label in pairs], dtype=np.float32)
    known = ~np.isnan(labels)
    point = youden("Mass", scores, labels)
    assert (point.positives, point.negatives) == (int((labels == 1).sum()), int((labels == 0).sum()))
    if point.positives and point.negatives:
        threshold, tpr, fpr = oracle(labels[known], scores[known])
        if tpr > fpr:
            assert (point.threshold, point.tpr, point.fpr, point.reason) == (threshold, tpr, fpr, "")
            above = scores[known] >= point.threshold  # what the numbers mean, without any curve
            assert point.tpr == above[labels[known] == 1].mean()
            assert point.fpr == above[labels[known] == 0].mean()
        else:
            assert point.reason == CHANCE
            assert math.isnan(point.threshold)
    else:
        assert point.reason.startswith("no ")


def test_as_scikit_learn_on_many_continuous_scores():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 5000).astype(np.float32)
    scores = (1 / (1 + np.exp(-(generator.normal(size=5000) + labels)))).astype(np.float32)
    point = youden("Mass", scores, labels)
    assert (point.threshold, point.tpr, point.fpr) == oracle(labels, scores)


def test_of_equal_maxima_the_highest_threshold():
    point = youden("Mass", np.array([0.8, 0.6, 0.4, 0.2]), np.array([1.0, 0.0, 1.0, 0.0]))
    assert (point.threshold, point.tpr, point.fpr) == (pytest.approx(0.8), 0.5, 0.0)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([1.0, 1.0, NAN], "no negatives in the dataset"),
        ([0.0, 0.0, NAN], "no positives in the dataset"),
        ([NAN, NAN, NAN], "no positives or negatives in the dataset"),
        ([0.0, 1.0, 1.0], CHANCE),
    ],
)
def test_labels_without_a_point_have_a_reason(labels, reason):
    point = youden("Mass", np.array([0.9, 0.5, 0.5]), np.array(labels))
    assert point.reason == reason
    assert all(math.isnan(v) for v in (point.threshold, point.tpr, point.fpr))


@pytest.mark.parametrize(("high", "low"), [(1.0, 0.3), (1.0, 0.0), (1e-300, 0.0)])
def test_saturated_outputs_give_a_threshold_inside_the_open_interval(high, low):
    point = youden("Mass", np.array([high, high, low]), np.array([1.0, 1.0, 0.0]))
    if high == 1.0:
        assert 0 < point.threshold < 1
        assert (point.tpr, point.fpr) == (1.0, 0.0)
    else:
        assert point.reason == CHANCE, "0 and 1e-300 are one number to a model"


# -- the whole


def test_thresholds_are_attached_and_what_they_mean_holds():
    network, data = model(), Data({"Nodule": coins(64, 1), "Mass": coins(64, 2), "Other": coins(64, 3)})
    points = fit_operating_points(network, data, batch_size=7)
    assert list(points) == ["Mass", "Nodule", "Edema"]
    edema = OperatingPoint(pathology="Edema", reason="the dataset has no such label")
    assert repr(points["Edema"]) == repr(edema), "all NaN"
    images = torch.stack(data.images)
    scores = torch.stack([i.flatten()[:3] / 1024 for i in data.images]).sigmoid().numpy()
    for column, name in enumerate(("Mass", "Nodule")):
        labels = data.labels[:, data.pathologies.index(name)]
        point = points[name]
        assert (point.threshold, point.tpr, point.fpr) == oracle(labels, scores[:, column])
        assert network.op_threshs[column].item() == point.threshold
        calibrated = network.eval()(images)[:, column].detach().numpy()
        assert ((calibrated >= 0.5) == (scores[:, column] >= np.float32(point.threshold))).all()
        assert (calibrated == 0.5).any(), "the image that gave the threshold lies at 0.5"
    assert math.isnan(network.op_threshs[2])


def test_the_same_with_other_batches_workers_and_points_before():
    data = Data({"Mass": coins(40, 1), "Nodule": coins(40, 2), "Edema": coins(40, 3)})
    first = fit_operating_points(model(), data)
    with_points = model(op_threshs=[0.1, 0.2, 0.9], input_resolution=8)
    assert fit_operating_points(with_points, data, batch_size=3, num_workers=1, progress=False) == first


def test_modes_gradients_and_random_numbers_are_as_before():
    network, data = model().train(), Data({"Mass": coins(30, 1)})
    network.classifier.eval()
    modes = [m.training for m in network.modules()]
    state = torch.random.get_rng_state()
    fit_operating_points(network, data)
    assert [m.training for m in network.modules()] == modes
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled()


def test_untrained_heads_have_none():
    network = model(trained=[True, False, True])
    points = fit_operating_points(network, Data({"Mass": coins(30, 1), "Nodule": coins(30, 2)}))
    assert points["Nodule"].reason == "this head was never trained"


def test_images_of_different_sizes_are_resized_one_by_one():
    labels = {"Mass": coins(6, 1)}
    network = model(input_resolution=8)
    fit_operating_points(network, Data(labels, sizes=(8, 16, 24, 8, 8, 8)))
    with pytest.raises(InputError, match=r"^Item 1 \('d:1'\) is 16 x 16 pixels, .* 8 x 8.*XRayResizer"):
        fit_operating_points(model(), Data(labels, sizes=(8, 16, 24, 8, 8, 8)))


def test_a_real_model_on_a_real_dataset():
    network = xrv.get_classifier("phantom-net")
    fitted = fit_operating_points(network, xrv.get_dataset("phantom", n=60, size=128, split="valid"))
    found = [p for p in fitted.values() if not p.reason]
    assert len(found) >= 5
    assert all(p.tpr > p.fpr for p in found)
    assert np.mean([p.tpr - p.fpr for p in found]) > 0.5


# -- what cannot be


def refused(kind: type[Exception], pattern: str, network, data) -> None:
    before = network.op_threshs
    with pytest.raises(kind, match=pattern):
        fit_operating_points(network, data)
    assert network.op_threshs is before or torch.equal(network.op_threshs, before)


def test_errors_leave_the_model_as_it_was():
    some = model(op_threshs=[0.1, 0.2, 0.9])
    refused(ArgumentError, "'Mass', 'Nodule', 'Edema', .* has 'mass'", some, Data({"mass": [0.0, 1.0]}))
    pattern = "2 images.*'Mass': no negatives .*'Nodule': .*no such label; 'Edema': .*no such label"
    refused(ArgumentError, pattern, some, Data({"Mass": [1.0, NAN]}))
    refused(ArgumentError, "^Item 2: its label 'Mass' is 2.5", some, Data({"Mass": [0.0, 1.0, 2.5]}))
    refused(ArgumentError, "no items", some, Data({"Mass": []}))
    twice = Data({"Mass": [0.0, 1.0], "b": [0.0, 1.0]})
    twice.pathologies = ["Mass", "Mass"]
    refused(ArgumentError, "'Mass' more than once", some, twice)
    refused(ArgumentError, "'sigmoid'.* 'softmax'", model(activation="softmax"), Data({"Mass": [0.0, 1.0]}))


def test_errors_of_items_name_them(tmp_path):
    some, data = model(input_resolution=8), Data({"Mass": [0.0, 1.0, 1.0]})
    data.images[1] = torch.randint(0, 256, (1, 16, 16)).float()  # raw grey levels, which a resize would hide
    refused(InputError, r"^Item 1 \('d:1'\): A model takes float images", some, data)
    data.images[1] = data.images[0]
    nn.init.constant_(some.classifier.bias, NAN)
    refused(InputError, r"^Item 0 \('d:0'\): .*'Mass' is NaN", some, data)

    class Broken(Data):
        def __getitem__(self, i: int):
            raise ImageError(f"x{i}.png: cannot be decoded")

    refused(ImageError, r"^x0\.png: cannot be decoded$", model(), Broken({"Mass": [0.0, 1.0]}))


def test_data_that_the_model_was_trained_on_is_not_held_out():
    model, data = xrv.get_classifier("phantom-net"), xrv.get_dataset("phantom", n=12, size=128, split="train")
    with pytest.raises(LeakageError, match="'phantom-net' may have seen these patients in training"):
        fit_operating_points(model, data)
    labels = fit_operating_points(model, data, acknowledge_leakage=True)
    assert list(labels) == model.pathologies
