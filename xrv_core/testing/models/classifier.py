"""Checks that only classifiers have: columns, operating points, features, fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from xrv_core.errors import XrvError
from xrv_core.models import apply_operating_points
from xrv_core.models.base import activated
from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.common.results import Check, NotApplicable, NotRun
from xrv_core.testing.models.outputs import (
    ROUNDING,
    input_gradient_problems,
    name_problems,
    predict_leaves,
    weight_gradient_problems,
)
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]


def names(subject: ModelSubject) -> Iterator[str]:
    """``pathologies`` are different names, those of the spec, and ``trained`` has a bool for each."""
    model = subject.model
    yield from name_problems(subject, "pathologies")
    trained = model.trained
    if not isinstance(trained, list) or not all(isinstance(t, bool) for t in trained):
        yield f"trained is {trained!r}: it must be a list of bools"
    elif len(trained) != len(model.pathologies):
        yield f"trained has {len(trained)} values for {len(model.pathologies)} pathologies"


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives a float tensor ``[B, P]``, NaN in untrained columns and finite in all others."""
    out = subject.raw_output
    if not isinstance(out, torch.Tensor):
        yield f"it gives a {type(out).__name__}, not a tensor"
        return
    wanted = [3, len(subject.model.pathologies)]
    if list(out.shape) != wanted or out.dtype != torch.float32:
        yield f"it gives {out.dtype} {list(out.shape)} instead of torch.float32 {wanted}"
        return
    for name, trained, column in zip(subject.model.pathologies, subject.model.trained, out.T, strict=True):
        if trained and not column.isfinite().all():
            yield f"column {name!r} is trained, but not finite"
        if not trained and not column.isnan().all():
            yield f"column {name!r} is untrained, but has numbers"
    calibrated = subject.model.op_threshs is not None
    if calibrated and bool(((out < 0) | (out > 1)).any()):
        yield f"with op_threshs set the outputs must be probabilities, but they go from {out.min():g} to {out.max():g}"


def untrained(subject: ModelSubject) -> Iterator[str]:
    """An untrained column is NaN in ``forward`` and missing in ``predict``; it changes no other column."""
    expected, model = subject.outputs, subject.copy()
    model.trained = [False, *model.trained[1:]]
    found = subject.run(model)["out"]
    if not found[:, 0].isnan().all():
        yield f"with trained[0] = False the first column is {float(found[0, 0]):g}, not NaN"
    yield from output_differences(
        {"out": found[:, 1:]},
        {"out": expected["out"][:1, 1:]},
        ROUNDING,
        "with trained[0] = False, in the other columns ",
    )
    predicted = model.predict(subject.image[0])
    if model.pathologies[0] in predicted:
        yield f"predict gives {predicted[model.pathologies[0]]!r} for {model.pathologies[0]!r}, which is untrained"


def operating_points(subject: ModelSubject) -> Iterator[str]:
    """``op_threshs`` can be set: outputs are then those of Eq. 1, and NaN in columns without a point."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    points = [0.2 + 0.6 * i / len(model.pathologies) for i in range(len(model.pathologies))]
    keys = list(model.state_dict())
    if getattr(model, "activation", "sigmoid") != "sigmoid":
        try:
            model.op_threshs = points
        except XrvError:
            return
        yield f"op_threshs can be set, but they need a sigmoid, and its activation is {model.activation!r}"
        return
    model.op_threshs = None
    logits = subject.run(model)["out"]
    model.op_threshs = [None, *points[1:]]
    found = subject.run(model)["out"]
    if list(model.state_dict()) != keys:
        yield "op_threshs are in the state dict: they are no weights: register them with persistent=False"
    wanted = apply_operating_points(logits.sigmoid(), torch.tensor([math.nan, *points[1:]]))
    if not found[:, 0].isnan().all():
        yield f"a column without an operating point gives {float(found[0, 0]):g}, not NaN"
    where = "with op_threshs set, compared with Eq. 1 of the logits, "
    yield from output_differences({"out": found[:, 1:]}, {"out": wanted[:, 1:]}, ROUNDING, where)


def known_gradients(subject: ModelSubject) -> Iterator[str]:
    """Columns that are NaN (untrained, or without an operating point) do not change the gradients of the others."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    count = len(model.pathologies)
    if count < 2:
        raise NotApplicable("it has one column")
    model.trained = [False, *model.trained[1:]]
    if getattr(model, "activation", "sigmoid") == "sigmoid":
        model.op_threshs = [0.4, *([0.5] if count == 2 else [None] + [0.5] * (count - 2))]
    x = subject.image.requires_grad_()
    out = subject.run(model, x, gradients=True)["out"]
    yield from input_gradient_problems("out", out, x)


def classifier(subject: ModelSubject) -> Iterator[str]:
    """``classifier`` is a ``torch.nn.Module``, which users may replace."""
    head = getattr(subject.model, "classifier", None)
    if not isinstance(head, torch.nn.Module):
        yield f"classifier is a {type(head).__name__}, not a torch.nn.Module"


def logits(subject: ModelSubject) -> Iterator[str]:
    """``logits`` gives the output before ``op_threshs``, NaN in untrained columns."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    if not hasattr(model, "logits"):
        raise NotApplicable("it has no logits(x), which only BackboneClassifier must have")
    model.trained = [False, *model.trained[1:]]
    if getattr(model, "activation", "sigmoid") == "sigmoid":
        model.op_threshs = [0.3] * len(model.pathologies)
    with torch.no_grad():
        found = model.logits(subject.image)
    model.op_threshs = None
    if not found[:, 0].isnan().all():
        yield f"with trained[0] = False the first column of logits is {float(found[0, 0]):g}, not NaN"
    wanted = subject.run(model)["out"]
    yield from output_differences({"out": found[:, 1:]}, {"out": wanted[:, 1:]}, ROUNDING, "logits(x): ")


def features(subject: ModelSubject) -> Iterator[str]:
    """``features`` gives ``[B, D]``, and ``classifier`` of it gives the logits, one column for each pathology."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    head = _head(model)
    with torch.no_grad():
        vectors = model.features(subject.image)
    if vectors.ndim != 2 or len(vectors) != 1 or not vectors.isfinite().all():
        yield f"features have the shape {list(vectors.shape)} or are not finite: they must be [1, D]"
        return
    model.op_threshs, model.trained = None, [True] * len(model.trained)
    expected = subject.run(model)
    yield from output_differences({"out": head(vectors).detach()}, expected, ROUNDING, "classifier(features(x)): ")


def feature_maps(subject: ModelSubject) -> Iterator[str]:
    """``feature_maps`` gives finite maps ``[B, C, h, w]``."""
    subject.outputs  # noqa: B018
    with torch.no_grad():
        maps = subject.model.feature_maps(subject.image)
    if maps.ndim != 4 or len(maps) != 1 or not maps.isfinite().all():
        yield f"feature maps have the shape {list(maps.shape)} or are not finite: they must be [1, C, h, w]"


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
            yield from (f"predict of {what} {problem}" for problem in _prediction_problems(one, expected))


def _prediction_problems(found: Any, expected: dict[str, float]) -> Iterator[str]:
    if list(found) != list(expected):
        yield f"names {list(found)} instead of {list(expected)}"
        return
    for name, value in found.items():
        if not isinstance(value, float):
            yield f"gives a {type(value).__name__} for {name!r}, not a float"
        elif not math.isclose(value, expected[name], rel_tol=ROUNDING, abs_tol=ROUNDING) and not (
            math.isnan(value) and math.isnan(expected[name])  # the check `forward` reports it
        ):
            yield f"gives {value:g} for {name!r}, but forward gives {expected[name]:g}"


def fine_tuning(subject: ModelSubject) -> Iterator[str]:
    """A new ``classifier`` replaces the old one, and a training step reaches it and the backbone."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    with torch.no_grad():
        head = torch.nn.Linear(model.features(subject.image).shape[1], 2)
    model.classifier = head
    model.train()
    out = subject.run(model, subject.batch, gradients=True)["out"]
    if list(out.shape) != [3, 2] or not out.isfinite().all():
        yield f"with a new classifier of 2 outputs it gives {list(out.shape)} or values that are not finite"
        return
    state = (len(model.pathologies), list(model.trained), model.op_threshs)
    if state != (2, [True, True], None):
        yield f"with a new classifier pathologies, trained and op_threshs are still those of the old one: {state}"
    torch.nn.functional.binary_cross_entropy_with_logits(out, torch.eye(3, 2)).backward()  # type: ignore[no-untyped-call]
    if head.weight.grad is None or not head.weight.grad.any():
        yield "no gradient reaches the new classifier: forward uses another layer"
    yield from weight_gradient_problems(model)


def _head(model: Any) -> torch.nn.Module:
    head = getattr(model, "classifier", None)
    if not isinstance(head, torch.nn.Module):
        raise NotRun("classifier")
    return head


CHECKS: tuple[Check, ...] = (
    names, forward, untrained, operating_points, known_gradients, classifier, logits, features, feature_maps, predict,
    predict_leaves, fine_tuning,
)  # fmt: skip
