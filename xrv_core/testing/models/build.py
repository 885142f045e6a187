"""Checks of a model as built, and of its modes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xrv_core.protocols import Autoencoder, Classifier, Segmenter, missing_members
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_PROTOCOLS: dict[str, Any] = {"classifier": Classifier, "autoencoder": Autoencoder, "segmenter": Segmenter}


def builds(subject: ModelSubject) -> Iterator[str]:
    """The factory gives a ``torch.nn.Module``, and needs no network."""
    subject.model  # noqa: B018
    yield from ()


def members(subject: ModelSubject) -> Iterator[str]:
    """It has all attributes and methods of its kind."""
    missing = missing_members(subject.model, _PROTOCOLS[subject.kind])
    if missing:
        yield f"it lacks {', '.join(missing)}"


def built_state(subject: ModelSubject) -> Iterator[str]:
    """With random weights it is in training mode without published facts, with a weights file in evaluation mode."""
    subject.model  # noqa: B018
    if subject.is_given:
        raise NotApplicable("a model was given, and its modes may have been changed")
    state = subject.first_state
    if subject.weights is not None:
        if any(state["training"]):
            yield "with weights it is in training mode: call eval()"
        return
    if not all(state["training"]):
        yield "with random weights it is in evaluation mode, and a training loop would not change that"
    if state["trained"] is not None and not all(state["trained"]):
        yield "with random weights some columns are untrained: all must be trained"
    if state["op_threshs"] is not None:
        yield "with random weights it has operating points: they belong to the published weights"


def initialisation(subject: ModelSubject) -> Iterator[str]:
    """Two random initialisations differ: they draw from torch's generator and do not seed it."""
    if subject.weights is not None or subject.is_given:
        raise NotApplicable("its weights are not random")
    if subject.rebuilt.same:
        yield "two builds have the same weights: its code seeds torch's generator, or draws nothing"


def parameters(subject: ModelSubject) -> Iterator[str]:
    """It has as many parameters as its spec says."""
    wanted = subject.spec.parameters
    if wanted is None:
        raise NotApplicable("its spec has no number of parameters")
    counted = sum(p.numel() for p in subject.model.parameters())
    if counted != wanted:
        yield f"it has {counted:,} parameters, its spec says {wanted:,}"


def input_resolution(subject: ModelSubject) -> Iterator[str]:
    """``input_resolution`` is a number of pixels or None, and that of the spec."""
    side = getattr(subject.model, "input_resolution", "missing")
    if side is not None and (isinstance(side, bool) or not isinstance(side, int) or side < 1):
        yield f"input_resolution is {side!r}: it must be a number of pixels, or None for any"
    wanted = None if subject.known_spec is None else subject.known_spec.input_resolution
    if wanted is not None and side != wanted and "input_resolution" not in subject.options:
        yield f"input_resolution is {side!r}, its spec says {wanted}"


def modes(subject: ModelSubject) -> Iterator[str]:
    """``train()`` and ``eval()`` change the mode of all layers, and return the model."""
    model = subject.copy()
    for name, training in (("train", True), ("eval", False)):
        if getattr(model, name)() is not model:
            yield f"{name}() does not return the model"
        other = [label or "the model itself" for label, module in model.named_modules() if module.training != training]
        if other:
            yield f"{name}() does not change the mode of {other[0]} and of {len(other) - 1} more layers"


CHECKS: tuple[Check, ...] = (builds, members, built_state, initialisation, parameters, input_resolution, modes)
