"""Checks of a model as it is built, and of its modes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from xrv_core.protocols import Autoencoder, Classifier, Segmenter, missing_members
from xrv_core.testing.common.results import Check, NotApplicable

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_PROTOCOLS: dict[str, Any] = {"classifier": Classifier, "autoencoder": Autoencoder, "segmenter": Segmenter}


def builds(subject: ModelSubject) -> Iterator[str]:
    """The factory gives a ``torch.nn.Module``, without network."""
    model = subject.built
    if not isinstance(model, torch.nn.Module):
        yield f"it is a {type(model).__name__}, not a torch.nn.Module"


def members(subject: ModelSubject) -> Iterator[str]:
    """It has every attribute and method that its kind promises."""
    missing = missing_members(subject.model, _PROTOCOLS[subject.kind])
    if missing:
        yield f"it lacks {', '.join(missing)}"


def built_state(subject: ModelSubject) -> Iterator[str]:
    """Random weights come in training mode, untouched by what is published; weights come in evaluation mode."""
    subject.model  # noqa: B018
    if subject.is_given:
        raise NotApplicable("a model was given, and its owner may have changed its modes")
    state = subject.first_state
    if subject.weights is not None:
        if any(state["training"]):
            yield "with weights it comes in training mode: call eval()"
        return
    if not all(state["training"]):
        yield "with random weights it comes in evaluation mode, in which a training loop would leave it"
    if state["trained"] is not None and not all(state["trained"]):
        yield "with random weights some columns count as untrained, and others do not"
    if state["op_threshs"] is not None:
        yield "with random weights it has operating points, which belong to the published weights"


def initialisation(subject: ModelSubject) -> Iterator[str]:
    """Two random initialisations differ: they draw from torch's generator, and nothing seeds it."""
    if subject.weights is not None or subject.is_given:
        raise NotApplicable("it was not initialised at random")
    if subject.rebuilt.same:
        yield "two builds have the same weights wherever torch's generator is: it is seeded, or nothing is drawn"


def parameters(subject: ModelSubject) -> Iterator[str]:
    """It has as many trainable numbers as its spec says."""
    told = subject.spec.parameters
    if told is None:
        raise NotApplicable("its spec does not say")
    counted = sum(p.numel() for p in subject.model.parameters())
    if counted != told:
        yield f"it has {counted:,} parameters, its spec says {told:,}"


def input_resolution(subject: ModelSubject) -> Iterator[str]:
    """``input_resolution`` is a number of pixels or None, and that of the spec."""
    side = getattr(subject.model, "input_resolution", "not there")
    if side is not None and (isinstance(side, bool) or not isinstance(side, int) or side < 1):
        yield f"input_resolution is {side!r}: give a number of pixels, or None for any"
    told = None if subject.told is None else subject.told.input_resolution
    if told is not None and side != told and "input_resolution" not in subject.options:
        yield f"input_resolution is {side!r}, its spec says {told}"


def modes(subject: ModelSubject) -> Iterator[str]:
    """``train()`` and ``eval()`` switch every layer, and give the model back."""
    model = subject.copy()
    for name, training in (("train", True), ("eval", False)):
        if getattr(model, name)() is not model:
            yield f"{name}() does not give the model back"
        other = [label or "the model itself" for label, module in model.named_modules() if module.training != training]
        if other:
            yield f"after {name}() {other[0]} is in the other mode, and so are {len(other) - 1} more layers"


CHECKS: tuple[Check, ...] = (builds, members, built_state, initialisation, parameters, input_resolution, modes)
