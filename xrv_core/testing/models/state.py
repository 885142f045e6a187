"""Checks that a model can be saved, loaded, copied and pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from xrv_core.errors import CheckpointError
from xrv_core.models import load_into, load_state_dict
from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.common.results import Check, NotApplicable, NotRun, described
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

#: Allowed difference between models with the same weights, which may have another memory layout.
SAME = 1e-4

State = dict[str, torch.Tensor]


def state_dict(subject: ModelSubject) -> Iterator[str]:
    """A model that loads the state dict, saved as safetensors, gives the same: all that was learnt is in it."""
    expected = subject.alone
    path = _saved(subject, _state(subject), "state")
    other = subject.zeroed()
    try:
        load_into(other, load_state_dict(path), path)
    finally:
        path.unlink()
    for key in ("op_threshs", "trained"):  # published facts, which are not in the state dict
        if hasattr(other, key):
            setattr(other, key, getattr(subject.model, key))
    yield from output_differences(subject.run(other), expected, SAME, "in a model that loaded the state dict, ")


def weights_file(subject: ModelSubject) -> Iterator[str]:
    """``weights=PATH`` of its saved state dict gives the same model, with published facts, in evaluation mode."""
    subject.outputs  # noqa: B018
    path = _saved(subject, _state(subject), "weights")
    try:
        loaded = subject.build(weights=path)
    finally:
        path.unlink()
    if any(module.training for module in loaded.modules()):
        yield "with weights it is in training mode: call eval()"
    spec, expected = subject.spec, subject.copy()
    if getattr(spec, "pathologies", ()):
        yield from _wrong_facts(loaded, spec)
    for model in (loaded, expected):
        for key, value in (("op_threshs", None), ("trained", [True] * len(getattr(model, "trained", ())))):
            if hasattr(model, key):
                setattr(model, key, value)
    yield from output_differences(subject.run(loaded), subject.run(expected), SAME, "loaded from its own file, ")


def _wrong_facts(loaded: Any, spec: Any) -> Iterator[str]:
    if list(loaded.trained) != list(spec.trained):
        yield f"with weights trained is {list(loaded.trained)}, its spec says {list(spec.trained)}"
    points = torch.tensor([float("nan") if t is None else t for t in spec.op_threshs])
    own = torch.tensor([]) if loaded.op_threshs is None else loaded.op_threshs.float().cpu()
    if own.shape != points.shape or not torch.allclose(own, points, atol=1e-6, equal_nan=True):
        yield f"with weights op_threshs are {own.tolist()}, its spec says {list(spec.op_threshs)}"


def wrong_weights(subject: ModelSubject) -> Iterator[str]:
    """A file without weights, or with a weight missing, raises a CheckpointError that names it."""
    if subject.is_given:
        raise NotApplicable("a model was given, so nothing can be built")
    state = _state(subject)
    lost = next(iter(state))
    no_weights = subject.folder / "no-weights.pt"
    no_weights.write_text("These are no weights.")
    cut = _saved(subject, {key: tensor for key, tensor in state.items() if key != lost}, "cut")
    for what, path in (("a text file", no_weights), (f"a file without {lost!r}", cut)):
        try:
            subject.build(weights=path)
        except CheckpointError as error:
            if path.name not in str(error):
                yield f"weights={what}: the message does not name the file: {error}"
        except Exception as error:
            yield f"weights={what}: {described(error)} instead of a CheckpointError"
        else:
            yield f"weights={what}: no error is raised instead of a CheckpointError"
        path.unlink()


def copies(subject: ModelSubject) -> Iterator[str]:
    """A deep copy has weights of its own, and computes with them."""
    model = subject.original
    twin = copy.deepcopy(model)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        parameters = list(twin.parameters())
        for parameter in parameters[: (len(parameters) + 1) // 2]:  # zeros in the last layer would hide all others
            parameter.zero_()
    if any(not torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items()):
        yield "a change of a deep copy changes the model: they share weights"
        return
    try:
        expected = subject.alone
    except NotRun:
        return  # the check `forward` reports it
    twin.eval()
    if not any(output_differences(subject.run(twin), expected, 0)):
        yield "with half of its weights zero, a deep copy gives the same as the model: it computes with the model's"


def pickling(subject: ModelSubject) -> Iterator[str]:
    """A pickled copy has the same weights and the same attributes."""
    model = subject.model
    twin = pickle.loads(pickle.dumps(model))  # noqa: S301  # made here
    own, its = model.state_dict(), twin.state_dict()
    if list(own) != list(its) or any(not torch.equal(its[key], tensor) for key, tensor in own.items()):
        yield "the state dict of a pickled copy differs"
    for key in ("pathologies", "structures", "trained", "input_resolution", "activation"):
        if getattr(model, key, None) != getattr(twin, key, None):
            yield f"{key} is {getattr(model, key, None)!r}, but {getattr(twin, key, None)!r} in a pickled copy"


def _state(subject: ModelSubject) -> State:
    """The state dict as safetensors needs it: contiguous, without shared memory."""
    state: State = subject.model.state_dict()
    return {key: tensor.detach().clone(memory_format=torch.contiguous_format) for key, tensor in state.items()}


def _saved(subject: ModelSubject, state: State, name: str) -> Path:
    from safetensors.torch import save_file

    path = subject.folder / f"{name}.safetensors"
    save_file(state, path)
    return path


CHECKS: tuple[Check, ...] = (state_dict, weights_file, wrong_weights, copies, pickling)
