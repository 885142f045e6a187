"""BackboneClassifier: the interface that all classifiers share."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from messages import says
from torch import nn

from xrv_core.errors import ArgumentError, InputError, UnknownAttribute
from xrv_core.models import BackboneClassifier, InputAdapter, apply_operating_points
from xrv_core.protocols import Classifier
from xrv_core.specs import ClassifierSpec

NAMES = ["Mass", "Nodule", "Edema"]
NAN = float("nan")


def backbone() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))


def build(**options) -> BackboneClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        scaled = {"num_features": 8, "adapt": lambda x: x / 1024} | options
        return BackboneClassifier(backbone(), scaled.pop("pathologies", NAMES), **scaled).eval()


def xrays(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2048 - 1024


def test_interface():
    model = build(input_resolution=16)
    assert isinstance(model, Classifier)
    assert (model.pathologies, model.trained, model.op_threshs, model.spec) == (NAMES, [True] * 3, None, None)
    x = xrays(2, 1, 16, 16)
    assert model(x).shape == (2, 3)
    assert model.features(x).shape == (2, 8)
    assert model.feature_maps(x).shape == (2, 8, 7, 7)
    torch.testing.assert_close(model.feature_maps(x).mean((2, 3)), model.features(x))
    torch.testing.assert_close(model.classifier(model.features(x)), model(x))


def test_logits_without_and_calibrated_probabilities_with_operating_points():
    model = build()
    x = xrays(2, 1, 16, 16)
    logits = model(x)
    model.op_threshs = [0.1, 0.5, 0.9]
    assert model.op_threshs.dtype == torch.float32
    torch.testing.assert_close(model(x), apply_operating_points(logits.sigmoid(), torch.tensor([0.1, 0.5, 0.9])))
    model.op_threshs = None
    assert torch.equal(model(x), logits)


@pytest.mark.parametrize("thresholds", [None, [0.1, 0.5, None]])
def test_untrained_columns_are_nan_and_spoil_no_gradient(thresholds):
    model = build(trained=[True, True, False], op_threshs=thresholds)
    for total in (torch.nansum, lambda out: out[:, model.trained].sum()):
        x = xrays(2, 1, 16, 16).requires_grad_()
        model.zero_grad()
        out = model(x)
        assert torch.isnan(out).tolist() == [[False, False, True]] * 2
        total(out).backward()
        assert x.grad.isfinite().all()
        assert x.grad.abs().sum() > 0
        assert all(p.grad.isfinite().all() for p in model.parameters())


def test_sizes():
    model = build(input_resolution=16)
    assert model.feature_maps(xrays(1, 1, 64, 64)).shape == (1, 8, 7, 7)
    assert model(xrays(1, 1, 64, 64)).shape == (1, 3)
    for call in (model, model.features, model.feature_maps, model.predict):
        with pytest.raises(
            InputError, match=says("16 x 20 pixels", "16 x 16", "distort", "xrv_core.datasets.XRayCenterCrop()")
        ):
            call(xrays(1, 1, 16, 20))
    assert build()(xrays(1, 1, 16, 20)).shape == (1, 3)


def test_input_is_checked_in_every_method_and_on_every_call():
    model = build()
    for call in (model, model.features, model.feature_maps, model.predict, model):
        with pytest.raises(
            InputError,
            match=says(
                "[B, 1, H, W]",
                "[-1024, 1024]",
                "image 0",
                "0 to 1",
                "x * 2048 - 1024",
                "xrv_core.datasets.load_image(PATH)",
            ),
        ):
            call(torch.linspace(0, 1, 256).view(1, 1, 16, 16))


def test_double_precision_input_meets_a_single_precision_model():
    model = build()
    x = xrays(1, 1, 16, 16)
    assert torch.equal(model(x.double()), model(x))
    assert model.double()(x).dtype == torch.float64


# -- predict


def test_predict_gives_trained_heads_by_name():
    model = build(trained=[True, False, True], op_threshs=[0.2, None, 0.7])
    x = xrays(2, 1, 16, 16)
    rows = model.predict(x)
    assert [list(row) for row in rows] == [["Mass", "Edema"]] * 2
    out = model(x).tolist()
    assert rows == [{"Mass": o[0], "Edema": o[2]} for o in out]
    for image in (x[1], x[1, 0], x[1].numpy(), x[1, 0].numpy().astype(np.float64)):
        assert model.predict(image) == pytest.approx(rows[1], abs=1e-6)
    assert model.predict(x[:1]) == [pytest.approx(rows[0], abs=1e-6)]


def test_predict_without_operating_points_gives_the_sigmoid():
    model = build()
    x = xrays(1, 16, 16)
    logits = model(x[None])[0].tolist()
    expected = {n: 1 / (1 + math.exp(-v)) for n, v in zip(NAMES, logits, strict=True)}
    assert model.predict(x) == pytest.approx(expected)


def test_predict_runs_in_evaluation_mode_and_leaves_every_mode_as_it_was():
    model = build()
    x = xrays(1, 1, 16, 16)
    expected = model.predict(x)
    model.train()
    model.backbone[1].eval()  # a frozen batch norm
    before = [m.training for m in model.modules()]
    assert model.predict(x) == expected
    with pytest.raises(InputError):
        model.predict(x[:, :, :0])
    assert [m.training for m in model.modules()] == before
    assert torch.is_grad_enabled()
    model(x).sum().backward()  # nothing cached by predict is in the way


# -- what may be assigned


def test_a_new_classifier_as_in_section_4_of_the_paper():
    model = build(trained=[True, True, False], op_threshs=[0.1, 0.5, None])
    model.op_threshs = None
    model.classifier = nn.Linear(8, 1)
    optimiser = torch.optim.Adam(model.classifier.parameters())
    assert (model.pathologies, model.trained, model.op_threshs) == (["output_0"], [True], None)
    outputs = model(xrays(2, 1, 16, 16))
    assert outputs.shape == (2, 1)
    nn.BCEWithLogitsLoss()(outputs, torch.tensor([[0.0], [1.0]])).backward()
    optimiser.step()
    model.pathologies = ["Lung Opacity"]
    assert list(model.predict(xrays(1, 16, 16))) == ["Lung Opacity"]


def test_a_new_classifier_of_the_same_width_keeps_the_names_only():
    model = build(trained=[True, True, False], op_threshs=[0.1, 0.5, None])
    model.classifier = nn.Linear(8, 3)
    assert (model.pathologies, model.trained, model.op_threshs) == (NAMES, [True] * 3, None)
    assert model(xrays(1, 1, 16, 16)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classifier", "layer", ("classifier", "torch.nn.Linear(8, 1)", "got str")),
        ("classifier", nn.Conv2d(8, 1, 1), ("classifier", "Conv2d", "[B, 8]")),
        ("classifier", nn.Unflatten(1, (2, 4)), ("classifier", "[2, 2, 4]", "one column a pathology")),
        ("classifier", nn.Sequential(nn.Linear(9, 1)), ("classifier", "Sequential", "[B, 8]")),
        (
            "classifier",
            nn.Linear(1024, 1),
            ("classifier", "1024 features", "8", "torch.nn.Linear(8, 1)"),
        ),
        (
            "op_threshs",
            [0.5],
            ("op_threshs", "[1]", "3 outputs", "one operating point for each"),
        ),
        (
            "op_threshs",
            [0.5, 0.5, 1.0],
            ("op_threshs", "0 and 1", "NaN or None"),
        ),
        (
            "op_threshs",
            torch.tensor([0.5, NAN, 0.0]),
            ("op_threshs", "0 and 1", "NaN or None"),
        ),
        ("pathologies", ["Mass"], ("pathologies", "1 values", "3 outputs")),
        ("trained", [True, False], ("trained", "2 values", "3 outputs")),
        (
            "pathologies",
            "Mass",
            ("pathologies", "['Mass', 'Nodule']", "got 'Mass'"),
        ),
        (
            "pathologies",
            ["a", "a", "b"],
            ("pathologies", "['Mass', 'Nodule']", "got ['a', 'a', 'b']"),
        ),
    ],
)
def test_what_cannot_be_assigned(name, value, words):
    model = build()
    with pytest.raises(ArgumentError, match=says(*words)):
        setattr(model, name, value)
    assert (model.pathologies, model.trained, model.op_threshs) == (NAMES, [True] * 3, None)


@pytest.mark.parametrize("options", [{"trained": [True]}, {"op_threshs": [0.5]}, {"pathologies": []}])
def test_the_constructor_checks_the_same(options):
    with pytest.raises(ArgumentError):
        build(**options)


def test_operating_points_move_with_the_model_and_stay_out_of_its_state():
    model = build(op_threshs=[0.1, 0.5, None])
    assert not [key for key in model.state_dict() if "op_threshs" in key]
    assert model.to("meta").op_threshs.is_meta
    model.op_threshs = [0.1, 0.2, 0.3]
    assert model.op_threshs.is_meta
    model = build(op_threshs=torch.tensor([0.1, 0.5, NAN]))
    for twin in (copy.deepcopy(model), build(op_threshs=[0.1, 0.5, None])):
        twin.load_state_dict(model.state_dict())
        torch.testing.assert_close(twin(xrays(1, 1, 16, 16)), model(xrays(1, 1, 16, 16)), equal_nan=True)


@pytest.mark.parametrize("resolution", [0, -8, 2.5, "224"])
def test_the_resolution_must_be_a_number_of_pixels(resolution):
    with pytest.raises(ArgumentError, match=says(f"input_resolution={resolution!r}", "number of pixels", "None")):
        build(input_resolution=resolution)


# -- other backbones


class Tokens(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :8]


def halves(_: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return x[..., ::2, ::2]


def test_features_and_maps_by_functions():
    model = BackboneClassifier(
        Tokens(), NAMES, num_features=5, features=lambda net, x: net(x)[:, :5], feature_maps=halves
    )
    x = xrays(1, 1, 16, 16)
    assert torch.equal(model.features(x), x.flatten(1)[:, :5])
    assert torch.equal(model.feature_maps(x), x[..., ::2, ::2])


def test_a_backbone_that_does_not_fit():
    model = BackboneClassifier(Tokens(), NAMES, num_features=5)
    with pytest.raises(ArgumentError, match=r"\[2, 8\].* \[B, 5\].* num_features, or features="):
        model(xrays(2, 1, 16, 16))
    with pytest.raises(ArgumentError, match=r"\[2, 8\], .*feature_maps=\(backbone, x\)"):
        model.feature_maps(xrays(2, 1, 16, 16))


def test_repr_is_one_line():
    spec = ClassifierSpec(
        name="tiny", title="t", factory="m:f", licence="l", citation="c", homepage="h", obtain="o", pathologies=NAMES
    )
    model = build(input_resolution=16, trained=[True, True, False], op_threshs=[0.1, 0.5, None], spec=spec)
    assert model.spec is spec
    assert repr(model) == (
        "<BackboneClassifier tiny: 2 of 3 pathologies trained, input 16 x 16 pixels, output calibrated probabilities>"
    )
    assert repr(build()) == (
        "<BackboneClassifier Sequential: 3 of 3 pathologies trained, input any size, output logits>"
    )


def test_export_and_pickle():
    model = BackboneClassifier(backbone(), NAMES, num_features=8, op_threshs=[0.1, 0.5, None]).eval()
    x = xrays(1, 1, 16, 16)
    twin = pickle.loads(pickle.dumps(model))
    torch.testing.assert_close(twin(x), model(x), equal_nan=True)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x), equal_nan=True)


# -- heads of any kind


class Adapter(nn.Module):
    """A wrapper as low-rank adapters are: at first it gives what the layer gives."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(base.in_features, 2), nn.Linear(2, base.out_features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(x))


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 3)), 3),
        (nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)), 2),
        (nn.LazyLinear(5), 5),
        (nn.Linear(8, 1, bias=False).double(), 1),
        (Adapter(nn.Linear(8, 8)), 8),
    ],
)
def test_a_classifier_is_any_module_with_a_column_for_each_pathology(head, columns):
    model = build(trained=[True, True, False], op_threshs=[0.1, 0.5, None], adapt=InputAdapter([0.5], [0.5]))
    model.train()
    model.classifier = head
    model = model.double().eval()
    assert model.classifier.training is False
    x = xrays(2, 1, 16, 16)
    assert model(x).shape == (2, columns)
    names = NAMES if columns == 3 else [f"output_{i}" for i in range(columns)]
    assert (model.pathologies, model.trained, model.op_threshs) == (names, [True] * columns, None)
    assert [list(row) for row in model.predict(x)] == [names] * 2
    model.op_threshs = [0.3] * columns
    model.pathologies = [f"finding {i}" for i in range(columns)]
    model.train()
    model.logits(x).sum().backward()
    assert all(p.grad is not None for p in model.classifier.parameters())
    twin = pickle.loads(pickle.dumps(model.eval()))
    torch.testing.assert_close(twin(x), model(x))


@pytest.mark.parametrize("head", [nn.Identity(), nn.Sequential(), nn.Dropout(0.5)])
def test_a_classifier_that_changes_nothing_leaves_the_features(head):
    model = build(trained=[True, True, False], op_threshs=[0.1, 0.5, None])
    model.classifier = head
    x = xrays(2, 1, 16, 16)
    torch.testing.assert_close(model.eval()(x), model.features(x))
    assert (model.pathologies, model.trained, model.op_threshs) == ([], [], None)
    with pytest.raises(ArgumentError, match=says(type(head).__name__, "features", "torch.nn.Linear(8, 1)")):
        model.predict(x)
    model.classifier = nn.Linear(8, 2)
    assert list(model.predict(x[0])) == ["output_0", "output_1"]


def test_a_wrapper_that_gives_the_same_resets_nothing():
    model = build(trained=[True, True, False], op_threshs=[0.1, 0.5, None])
    before = model(xrays(2, 1, 16, 16))
    model.classifier = Adapter(model.classifier)
    model.classifier = nn.Sequential(nn.Dropout(0.5), model.classifier).eval()
    assert torch.equal(model(xrays(2, 1, 16, 16)).nan_to_num(), before.nan_to_num())
    assert (model.trained, model.op_threshs is None) == ([True, True, False], False)
    model.classifier = nn.Sequential(model.classifier, nn.Linear(3, 3))
    assert (model.pathologies, model.trained, model.op_threshs) == (NAMES, [True] * 3, None)


# -- names that change nothing


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("fc", "classifier"), ("head", "classifier"), ("last_linear", "classifier"), ("clasifier", "classifier"),
        ("Classifier", "classifier"), ("op_thresholds", "op_threshs"), ("op_thresh", "op_threshs"),
        ("op_treshs", "op_threshs"), ("thresholds", "op_threshs"), ("pathologys", "pathologies"),
        ("pathology", "pathologies"), ("class_names", "pathologies"), ("input_size", "input_resolution"),
        ("input_resoluton", "input_resolution"), ("activaton", "activation"), ("backbon", "backbone"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, [0.5] * 3, nn.Linear(8, 2), nn.Parameter(torch.ones(1))])
def test_an_assignment_that_would_change_nothing_is_refused(name, meant, value):
    model = build()
    with pytest.raises(UnknownAttribute, match=says(repr(name), f"Did you mean {meant!r}?")) as error:
        setattr(model, name, value)
    assert isinstance(error.value, AttributeError)
    assert isinstance(error.value, ArgumentError)
    assert not hasattr(model, name)


class Declares(BackboneClassifier):
    """A user's own class, which uses the names for parts of its own."""

    fc: nn.Module
    targets = ("a",)

    def __init__(self) -> None:
        super().__init__(backbone(), NAMES, num_features=8)
        self.fc = nn.Linear(8, 2)
        self.targets = ["b"]
        self.my_head = nn.Linear(8, 2)
        self.classifier2 = self.aux_classifier = nn.Linear(8, 2)
        self.trainer, self.adapter, self.specs, self.activations = object(), nn.Identity(), [], {}
        self.register_buffer("thresholds", torch.zeros(3))
        self.thresholds = torch.ones(3)
        self.add_module("head", nn.Linear(8, 2))
        self.head = nn.Linear(8, 3)


def test_attributes_of_ones_own_are_free():
    model = Declares()
    assert model.head.out_features == 3
    assert model.thresholds.sum() == 3
    assert len(list(model.fc.parameters())) == 2
    assert pickle.loads(pickle.dumps(model)).specs == []


def test_misspelt_attributes_of_the_other_kinds():
    from right_models import AE, SEG, ToyAutoencoder, ToySegmenter

    for model, name in ((ToySegmenter(SEG), "structurs"), (ToyAutoencoder(AE), "input_resoluton")):
        with pytest.raises(UnknownAttribute, match=says(repr(name), "Did you mean")):
            setattr(model, name, None)
