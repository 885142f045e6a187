"""Open a saved classifier: build its network again, then fill it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from xrv_core.api import describe_classifier
from xrv_core.errors import CheckpointError, UnknownName, UnsafeCheckpoint, XrvError, reading
from xrv_core.factories import load_factory
from xrv_core.models.base import BackboneClassifier, InputAdapter, timm_keys
from xrv_core.models.saved.header import DAMAGED, is_saved, read_seen
from xrv_core.models.saved.plugin import is_model_file
from xrv_core.models.saved.spec import SavedClassifierSpec
from xrv_core.models.weights import load_into, load_state_dict
from xrv_core.specs import ClassifierSpec

__all__ = ["built", "fill", "open_saved"]


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
    if weights is None and not spec.weights_file:
        return built(spec, base, trust_factory)
    if weights is None:  # only its size counts
        return built(spec, base, trust_factory, load_state_dict(spec.weights_file))
    if "factory" in spec.build and not is_saved(weights):
        _check_trust(spec, trust_factory)  # weights in another format: the function reads them
        model = load_factory(spec, spec.build["factory"])(spec, weights=weights)
        if hasattr(model, "state_dict"):
            model.recipe = dict(spec.build)
        return model
    state = load_state_dict(weights)
    with torch.random.fork_rng(devices=[]):  # the random weights are overwritten: the caller's random state stays
        model = built(spec, base, trust_factory, state)
    with reading(weights, CheckpointError, DAMAGED):
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


class _Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses to make many more numbers, or layers, than a file holds: its description could ask for any network."""

    def __init__(self, state: Mapping[str, torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # a network also has buffers that are not saved, and may be saved in half precision
        self._bytes = (128 << 20) + 32 * sum(tensor.numel() for tensor in state.values())
        self._steps = 20_000 + 200 * len(state)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every step of torch. One that takes no tensor makes one: its size is found before its memory is taken."""
        kwargs = kwargs or {}
        if "device" in kwargs and not any(isinstance(each, torch.Tensor) for each in args):
            planned = func(*args, **{**kwargs, "device": "meta"})
            self._bytes -= planned.numel() * planned.element_size()
            self._steps -= 9  # a layer, too
        self._steps -= args[0].shape[0] if func.overloadpacket is torch.ops.aten.unbind and args[0].ndim else 1
        if self._bytes < 0 or self._steps < 0:
            raise CheckpointError("its description asks for a network far larger than the tensors in the file.")
        return func(*args, **kwargs)


def built(
    spec: SavedClassifierSpec,
    base: Callable[[str], ClassifierSpec],
    trust: bool,
    state: Mapping[str, torch.Tensor] | None = None,
) -> Any:
    """The network with random numbers, its outputs named.

    Args:
        spec: Its description.
        base: Returns the spec of a registered classifier.
        trust: The function that it names may run.
        state: The tensors in the file of unknown origin, which bound the size of the network; None: no bound.
    """
    if "factory" in spec.build or state is None:
        return _named_outputs(_network(spec, base, trust), spec)
    name = spec.weights_file or spec.name
    with reading(name, CheckpointError, DAMAGED), _Bounded(state):
        try:
            return _named_outputs(_network(spec, base, trust), spec)
        except XrvError as error:  # of timm, of a plugin, or of the catalogue: they do not know the file
            raise type(error)(f"{name}: {error}") from error


def _network(spec: SavedClassifierSpec, base: Callable[[str], ClassifierSpec], trust: bool) -> Any:
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
    return model


def _named_outputs(model: Any, spec: SavedClassifierSpec) -> Any:
    if len(model.pathologies) != len(spec.pathologies):
        model.classifier = nn.Linear(model.classifier.in_features, len(spec.pathologies))
    for key, value in (("pathologies", list(spec.pathologies)), ("activation", spec.activation)):
        if getattr(model, key, value) != value:
            setattr(model, key, value)
    if spec.mean:
        model.adapt = InputAdapter(spec.mean, spec.std)
    model.input_resolution, model.spec, model.recipe = spec.input_resolution, spec, dict(spec.build)
    return model


def _known(spec: SavedClassifierSpec, name: str, base: Callable[[str], ClassifierSpec]) -> ClassifierSpec:
    if is_model_file(name):
        raise CheckpointError(f"{spec.name!r} is built like {name!r}, which is a saved classifier and not a network.")
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
