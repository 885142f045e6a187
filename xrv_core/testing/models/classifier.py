"""Checks that only classifiers know: columns, operating points, features, fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from xrv_core.errors import XrvError
from xrv_core.models import apply_operating_points
from xrv_core.models.base import activated
from xrv_core.testing.common.results import Check, NotApplicable, NotRun
from xrv_core.testing.common.tensors import differences
from xrv_core.testing.models.gradients import input_gradient_faults, trained_faults
from xrv_core.testing.models.predictions import left_by_predict, name_faults

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_ROUNDING = 1e-3


def names(subject: ModelSubject) -> Iterator[str]:
    """``pathologies`` are different names, those of the spec, and ``trained`` is a list of as many bools."""
    model = subject.model
    yield from name_faults(subject, "pathologies")
    trained = model.trained
    if not isinstance(trained, list) or not all(isinstance(t, bool) for t in trained):
        yield f"trained is {trained!r}: it must be a list of bools"
    elif len(trained) != len(model.pathologies):
        yield f"trained has {len(trained)} values for {len(model.pathologies)} pathologies"


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives a float tensor ``[B, P]``, NaN in untrained columns and finite in all others."""
    with torch.no_grad():
        out = subject.model(subject.batch.clone())
    if not isinstance(out, torch.Tensor):
        yield f"it gives a {type(out).__name__}, not a tensor"
        return
    wanted = [3, len(subject.model.pathologies)]
    if list(out.shape) != wanted or out.dtype != torch.float32:
        yield f"it gives {out.dtype} {list(out.shape)} instead of torch.float32 {wanted}"
        return
    for name, trained, column in zip(subject.model.pathologies, subject.model.trained, out.T, strict=True):
        if trained and not column.isfinite().all():
            yield f"column {name!r} is trained, and not finite"
        if not trained and not column.isnan().all():
            yield f"column {name!r} was never trained, and is a number"
    calibrated = subject.model.op_threshs is not None
    if calibrated and bool(((out < 0) | (out > 1)).any()):
        yield f"op_threshs is set, but outputs go from {out.min():g} to {out.max():g}: they are no probabilities"


def untrained(subject: ModelSubject) -> Iterator[str]:
    """An untrained column is NaN in ``forward`` and absent from ``predict``; the others stay as they are."""
    expected, model = subject.outputs, subject.copy()
    model.trained = [False, *model.trained[1:]]
    with torch.no_grad():
        found = subject.run(model, subject.batch[:1].clone())["out"]
    if not found[:, 0].isnan().all():
        yield f"with trained[0] = False the first column is {float(found[0, 0]):g}, not NaN"
    rest = differences({"out": found[:, 1:]}, {"out": expected["out"][:1, 1:]}, _ROUNDING)
    yield from (f"with trained[0] = False, in the other columns {d}" for d in rest)
    predicted = model.predict(subject.batch[0].clone())
    if model.pathologies[0] in predicted:
        yield f"predict gives {predicted[model.pathologies[0]]!r} for {model.pathologies[0]!r}, which was never trained"


def operating_points(subject: ModelSubject) -> Iterator[str]:
    """``op_threshs`` can be assigned: outputs are then those of Eq. 1, and NaN where there is no point."""
    subject.outputs  # noqa: B018
    model, x = subject.copy(), subject.batch[:1]
    points = [0.2 + 0.6 * i / len(model.pathologies) for i in range(len(model.pathologies))]
    keys = list(model.state_dict())
    if getattr(model, "activation", "sigmoid") != "sigmoid":
        try:
            model.op_threshs = points
        except XrvError:
            return
        yield f"op_threshs can be set, though they are points of a sigmoid and its activation is {model.activation!r}"
        return
    model.op_threshs = None
    with torch.no_grad():
        logits = subject.run(model, x.clone())["out"]
        model.op_threshs = [None, *points[1:]]
        found = subject.run(model, x.clone())["out"]
    if list(model.state_dict()) != keys:
        yield "op_threshs are in the state dict: they are published facts, register them with persistent=False"
    wanted = apply_operating_points(logits.sigmoid(), torch.tensor([math.nan, *points[1:]]))
    if not found[:, 0].isnan().all():
        yield f"a column without operating point gives {float(found[0, 0]):g}, not NaN"
    calibrated = differences({"out": found[:, 1:]}, {"out": wanted[:, 1:]}, _ROUNDING)
    yield from (f"with op_threshs set, against Eq. 1 of the logits, {d}" for d in calibrated)


def known_gradients(subject: ModelSubject) -> Iterator[str]:
    """Columns that are NaN, untrained or without operating point, spoil no gradient of the others."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    count = len(model.pathologies)
    if count < 2:
        raise NotApplicable("it has one column")
    model.trained = [False, *model.trained[1:]]
    if getattr(model, "activation", "sigmoid") == "sigmoid":
        model.op_threshs = [0.4, *([0.5] if count == 2 else [None] + [0.5] * (count - 2))]
    x = subject.batch[:1].clone().requires_grad_()
    out = subject.run(model, x)["out"]
    yield from input_gradient_faults("out", out, x)


def classifier(subject: ModelSubject) -> Iterator[str]:
    """``classifier`` is a ``torch.nn.Linear`` with one output for each column."""
    model = subject.model
    head = getattr(model, "classifier", None)
    if not isinstance(head, torch.nn.Linear):
        yield f"classifier is a {type(head).__name__}, not a torch.nn.Linear"
    elif head.out_features != len(model.pathologies):
        yield f"classifier has {head.out_features} outputs for {len(model.pathologies)} pathologies"


def features(subject: ModelSubject) -> Iterator[str]:
    """``features`` gives ``[B, D]``, and ``classifier`` makes the logits of it."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    head = _head(model)
    with torch.no_grad():
        vectors = model.features(subject.batch[:1].clone())
        if list(vectors.shape) != [1, head.in_features] or not vectors.isfinite().all():
            yield f"features have the shape {list(vectors.shape)}, or are not finite: [1, {head.in_features}] is wanted"
            return
        model.op_threshs, model.trained = None, [True] * len(model.trained)
        logits = subject.run(model, subject.batch[:1].clone())["out"]
    made = differences({"out": head(vectors).detach()}, {"out": logits}, _ROUNDING)
    yield from (f"classifier(features(x)), {d}" for d in made)


def feature_maps(subject: ModelSubject) -> Iterator[str]:
    """``feature_maps`` gives finite maps ``[B, C, h, w]``."""
    subject.outputs  # noqa: B018
    with torch.no_grad():
        maps = subject.model.feature_maps(subject.batch[:1].clone())
    if maps.ndim != 4 or len(maps) != 1 or not maps.isfinite().all():
        yield f"feature maps have the shape {list(maps.shape)}, or are not finite: [1, C, h, w] is wanted"


def predict(subject: ModelSubject) -> Iterator[str]:
    """``predict`` gives numbers by name: a dict for one image, tensor or array, and a list of them for a batch."""
    model = subject.model
    out = subject.outputs["out"]
    values = out if model.op_threshs is not None else activated(out, getattr(model, "activation", "sigmoid"))
    columns = [i for i, trained in enumerate(model.trained) if trained]
    named = [{model.pathologies[i]: float(row[i]) for i in columns} for row in values]
    calls: list[tuple[str, Any, list[dict[str, float]]]] = [
        ("a batch", subject.batch.clone(), named),
        ("one image [1, H, W]", subject.batch[1].clone(), named[1:2]),
        ("a numpy array [H, W]", subject.batch[0, 0].numpy().copy(), named[:1]),
    ]
    for what, x, wanted in calls:
        kind = list if x.ndim == 4 else dict
        found = model.predict(x)
        if not isinstance(found, kind):
            yield f"predict of {what} gives a {type(found).__name__}, not a {kind.__name__}"
            continue
        rows = found if isinstance(found, list) else [found]
        if len(rows) != len(wanted):
            yield f"predict of {what} gives {len(rows)} rows for {len(wanted)} images"
            continue
        for one, expected in zip(rows, wanted, strict=True):
            yield from (f"predict of {what} {fault}" for fault in _prediction_faults(one, expected))


def _prediction_faults(found: Any, expected: dict[str, float]) -> Iterator[str]:
    if list(found) != list(expected):
        yield f"names {list(found)} instead of {list(expected)}"
        return
    for name, value in found.items():
        if not isinstance(value, float):
            yield f"gives a {type(value).__name__} for {name!r}, not a float"
        elif not math.isclose(value, expected[name], rel_tol=_ROUNDING, abs_tol=_ROUNDING) and not (
            math.isnan(value) and math.isnan(expected[name])  # told by `forward`
        ):
            yield f"gives {value:g} for {name!r}, where forward gives {expected[name]:g}"


def fine_tuning(subject: ModelSubject) -> Iterator[str]:
    """A new ``classifier`` takes the place of the old one, and a step of training reaches it and the backbone."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    head = torch.nn.Linear(_head(model).in_features, 2)
    model.classifier = head
    model.train()
    out = subject.run(model, subject.batch.clone())["out"]
    if list(out.shape) != [3, 2] or not out.isfinite().all():
        yield f"with a new classifier of 2 outputs it gives {list(out.shape)}, or numbers that are not finite"
        return
    state = (len(model.pathologies), list(model.trained), model.op_threshs)
    if state != (2, [True, True], None):
        yield f"with a new classifier pathologies, trained and op_threshs are still of the old one: {state}"
    torch.nn.functional.binary_cross_entropy_with_logits(out, torch.eye(3, 2)).backward()  # type: ignore[no-untyped-call]
    if head.weight.grad is None or not head.weight.grad.any():
        yield "no gradient reaches the new classifier: forward uses another layer"
    yield from trained_faults(model)


def predict_leaves(subject: ModelSubject) -> Iterator[str]:
    """``predict`` leaves modes, weights, statistics and gradients as they are."""
    yield from left_by_predict(subject)


def _head(model: Any) -> torch.nn.Linear:
    head = getattr(model, "classifier", None)
    if not isinstance(head, torch.nn.Linear):
        raise NotRun("classifier")
    return head


CHECKS: tuple[Check, ...] = (
    names,
    forward,
    untrained,
    operating_points,
    known_gradients,
    classifier,
    features,
    feature_maps,
    predict,
    predict_leaves,
    fine_tuning,
)
