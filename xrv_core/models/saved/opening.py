"""Open a saved classifier: build its network again, then fill it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_core.api import describe_classifier
from xrv_core.errors import CheckpointError, UnknownName, UnsafeCheckpoint
from xrv_core.factories import load_factory
from xrv_core.models.base import BackboneClassifier, InputAdapter, timm_keys
from xrv_core.models.saved.header import is_saved, read_seen
from xrv_core.models.saved.spec import SavedClassifierSpec
from xrv_core.models.weights import load_into, load_state_dict
from xrv_core.specs import ClassifierSpec

__all__ = ["fill", "open_saved"]


def open_saved(
    spec: SavedClassifierSpec,
    weights: Path | None = None,
    *,
    base: Callable[[str], ClassifierSpec] = describe_classifier,
    trust_factory: bool = False,
) -> Any:
    """The classifier of a file or of a registry.

    A file can name code only in three ways: a network of timm, a registered classifier, or another
    function, ``build["factory"]``. That function is called as ``factory(spec, weights=None)``, and only
    if the spec is ``trusted`` or ``trust_factory`` is True.

    Args:
        spec: The description in the file or the registry.
        weights: The tensors; None: random initialisation, all outputs trained, no operating points.
        base: Returns the spec of a registered classifier.
        trust_factory: Consent to run the function that the file names.

    Raises:
        UnsafeCheckpoint: The file names a function, and the caller did not consent.
        UnknownName: The network is unknown on this machine.
        FactoryError: The function cannot be imported.
        CheckpointError: The tensors do not fit, or the file cannot be read.
    """
    if weights is None:
        return _built(spec, base, trust_factory)
    if "factory" in spec.build and not is_saved(weights):
        _check_trust(spec, trust_factory)  # weights in another format: the function reads them
        model = load_factory(spec, spec.build["factory"])(spec, weights=weights)
        if hasattr(model, "state_dict"):
            model.recipe = dict(spec.build)
        return model
    with torch.random.fork_rng(devices=[]):  # the random weights are overwritten: the caller's random state stays
        model = _built(spec, base, trust_factory)
    state = load_state_dict(weights)
    fill(model, spec, timm_keys(state, spec.build["timm"]) if "timm" in spec.build else state, weights)
    if seen := read_seen(weights):
        model.seen = seen
    return model


def fill(model: Any, spec: SavedClassifierSpec, state: Mapping[str, torch.Tensor], path: Path) -> Any:
    """Give a new network its tensors, trained outputs and operating points; it is then in evaluation mode.

    Raises:
        CheckpointError: The tensors do not fit.
    """
    _as_typed(model, state)
    load_into(model, state, path)
    model.trained = list(spec.trained)
    model.op_threshs = list(spec.op_threshs) or None
    return model.eval()


def _built(spec: SavedClassifierSpec, base: Callable[[str], ClassifierSpec], trust: bool) -> Any:
    """The network with random numbers, its outputs named."""
    build, options = spec.build, dict(spec.build.get("options", {}))
    model: Any
    if "timm" in build:
        model = BackboneClassifier(
            build["timm"], spec.pathologies, input_resolution=spec.input_resolution, spec=spec, **options
        )
    elif "registered" in build:
        known = _known(spec, build["registered"], base)
        model = load_factory(known)(known, weights=None, **options)
    else:
        _check_trust(spec, trust)
        model = load_factory(spec, build["factory"])(spec, weights=None)
    if len(model.pathologies) != len(spec.pathologies):
        model.classifier = nn.Linear(model.classifier.in_features, len(spec.pathologies))
    for key, value in (("pathologies", list(spec.pathologies)), ("activation", spec.activation)):
        if getattr(model, key, value) != value:
            setattr(model, key, value)
    if spec.mean:
        model.adapt = InputAdapter(spec.mean, spec.std)
    model.input_resolution, model.spec, model.recipe = spec.input_resolution, spec, dict(build)
    return model


def _known(spec: SavedClassifierSpec, name: str, base: Callable[[str], ClassifierSpec]) -> ClassifierSpec:
    try:
        known = base(name)
    except UnknownName as error:
        raise UnknownName(f"{spec.name!r} is built like the registered {name!r}. {error}") from error
    if isinstance(known, SavedClassifierSpec):  # else a file could name itself
        raise CheckpointError(f"{spec.name!r} is built like {name!r}, which is a saved classifier and not a network.")
    return known


def _check_trust(spec: SavedClassifierSpec, trust: bool) -> None:
    if not (trust or spec.trusted):
        raise UnsafeCheckpoint(
            f"{spec.origin[:1].upper()}{spec.origin[1:]} needs the code of {spec.build['factory']} to build its "
            "network, and that code was not run. If you trust the file and the code, pass trust_factory=True."
        )


def _as_typed(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Give the model's numbers the precision of the file."""
    head = state.get("classifier.weight")
    if head is not None and head.is_floating_point():
        model.to(head.dtype)
    for name, tensor in itertools.chain(model.named_parameters(), model.named_buffers()):
        if name in state and state[name].is_floating_point() and tensor.dtype != state[name].dtype:
            tensor.data = tensor.data.to(state[name].dtype)
