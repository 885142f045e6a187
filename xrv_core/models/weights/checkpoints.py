"""Read weights files without running their code, and load them into a model with helpful errors."""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_core.assets import confirm, json_within, within
from xrv_core.errors import CheckpointError, reading
from xrv_core.models.weights.inert import Effort, Placeholder, TensorRecord, layers
from xrv_core.models.weights.members import AGAIN, Source, open_source
from xrv_core.models.weights.names import shown
from xrv_core.models.weights.opcodes import MAX_TEXT
from xrv_core.models.weights.torchfile import MAX_DIMENSIONS, TorchFile
from xrv_core.models.weights.torchscript import script_records

__all__ = ["is_safetensors", "load_checkpoint", "load_into", "load_state_dict"]

#: Keys of the model in checkpoints of training scripts; the first one found is used.
CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model")
#: Prefixes that DataParallel and torch.compile put before every key.
WRAPPERS = ("module.", "_orig_mod.")
#: A tensor takes the memory of so many numbers.
TENSOR_SIZE = 10


def load_state_dict(path: str | os.PathLike[str], *, member: str | None = None) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, on the CPU. No code of the file is run.

    It reads

    * safetensors;
    * ``torch.save`` files, in the zip format and in the one before torch 1.6: of a state dict, of
      a training checkpoint that holds one (under ``state_dict``, ``model_state_dict``,
      ``model_state`` or ``model``), or of a whole pickled module. Only the tensors of a module are
      used. Other entries (hyperparameters, callbacks, optimizers of Lightning, omegaconf,
      argparse, ...) are ignored. No class that the file names is imported or needed;
    * TorchScript archives of ``torch.jit.save``, since torch 1.4: parameters and buffers, whose
      names are read from the code as text. All buffers count as persistent there, as in torch.

    Prefixes that wrappers put before all names (``module.`` of DataParallel, ``_orig_mod.`` of
    torch.compile) are removed.

    It refuses pickles that name anything else, even outside the weights; frozen and quantised
    TorchScript; tensors that are sparse, quantised or larger than the numbers stored for them;
    archives with paths that lead out of them, two members of one name, compressed weights or more
    contents than bytes; and pickles that would exhaust the memory or the stack of Python.

    Args:
        path: The file.
        member: Name of the weights file inside ``path``, which is then a zip archive of several.
            It is read in place (stored) or unpacked in memory (deflated); nothing is written
            to disk. Messages call it ``path!member``.

    Raises:
        PathMissing: No such file, or no such member.
        UnsafeCheckpoint: The pickle names something other than tensors, layers of torch.nn,
            torchvision, timm or torchxrayvision, classes of known training frameworks, and plain data.
        CheckpointError: The file is damaged, is not a weights file, holds no weights, or is
            refused for another of the reasons above.
    """
    return load_checkpoint(path, (), member=member)[0]


def load_checkpoint(
    path: str | os.PathLike[str], beside: Collection[str], *, member: str | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a training checkpoint, and some of its other entries.

    Args:
        path: As in ``load_state_dict``, and so are the errors.
        beside: Keys of other entries. Their values are returned unchecked: numbers, strings, lists and dicts as
            such, any other object as a ``Placeholder``.
        member: As in ``load_state_dict``.

    Returns:
        The tensors by name, and the entries found under ``beside``; those that are missing are left out.
    """
    with open_source(Path(path), member) as source, reading(source.name, CheckpointError, AGAIN):
        state, tree = (_load_safetensors(source), {}) if is_safetensors(source) else _load_torch(source)
        long = next((name for name in state if len(name) > MAX_TEXT), "")
        if long:
            raise CheckpointError(f"it has a tensor whose name has {len(long):,} characters: {shown(long)}...")
        entries = dict(_items(tree))
        confirm(Path(path))
    return _unwrapped(state), {key: entries[key] for key in beside if key in entries}


def _unwrapped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    stripped = True
    while stripped:
        stripped = False
        for prefix in WRAPPERS:
            if all(key.startswith(prefix) for key in state):
                state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
                stripped = True
    return state


def load_into(model: nn.Module, state: Mapping[str, torch.Tensor], path: str | os.PathLike[str]) -> None:
    """Copy ``state`` into ``model``; nothing may be missing, left over, or of another shape.

    Args:
        model: The model to fill.
        state: Tensors by name.
        path: The file they come from, for the message.

    Raises:
        CheckpointError: They do not fit; the message lists the first names. The model is unchanged then.
    """
    own = model.state_dict()
    # files of torch before 0.4.1 have no counters of batches; torch fills them in
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in own]
    shapes = [
        f"{k}: {list(state[k].shape)} in the file, {list(v.shape)} in the model"
        for k, v in own.items()
        if k in state and state[k].shape != v.shape
    ]
    problems = [
        f"{len(found)} {what} ({_first(found, separator)})"
        for found, what, separator in (
            (missing, "missing", ", "),
            (unexpected, "unexpected", ", "),
            (shapes, "of another shape", "; "),
        )
        if found
    ]
    if problems:
        raise CheckpointError(
            f"Weights file {path} does not fit {type(model).__name__}: of {len(own)} tensors, {', '.join(problems)}."
        )
    with reading(path, CheckpointError):
        model.load_state_dict(dict(state))


def _first(names: list[str], separator: str, count: int = 4) -> str:
    more = [f"and {len(names) - count} more"] if len(names) > count else []
    return separator.join([*map(shown, names[:count]), *more])


# -- formats


def is_safetensors(source: Source) -> bool:
    """Whether a weights file is safetensors: eight bytes with the length of a JSON header, then the header.

    Raises:
        CheckpointError: It begins like safetensors, but is shorter than its header.
    """
    source.stream.seek(0)
    start = source.stream.read(9)
    if len(start) < 9 or start[8:] != b"{":
        return False
    (length,) = struct.unpack("<Q", start[:8])
    if length > source.size - 8:
        raise CheckpointError(
            f"Weights file {source.name} cannot be read: it begins like safetensors, but its header claims {length:,} "
            f"bytes and the file has {source.size:,}. It is damaged, or not a file of safetensors or torch.save."
        )
    return True


def _load_safetensors(source: Source) -> dict[str, torch.Tensor]:
    from safetensors.torch import load, load_file

    source.stream.seek(0)
    (length,) = struct.unpack("<Q", source.stream.read(8))
    within("document", length)
    json_within(source.stream.read(length))
    source.stream.seek(0)
    state: dict[str, torch.Tensor] = load_file(source.path) if source.path else load(source.stream.read())
    if any(tensor.ndim > MAX_DIMENSIONS for tensor in state.values()):
        raise CheckpointError(f"it has a tensor of more than {MAX_DIMENSIONS} dimensions.")
    if not state:
        raise CheckpointError(f"Weights file {source.name} holds no tensors.")
    return state


def _load_torch(source: Source) -> tuple[dict[str, torch.Tensor], Any]:
    """The tensors, and the whole saved object."""
    source.stream.seek(0)
    start = source.stream.read(64).lstrip()
    hint = ""
    if not start:
        hint = "it is empty"
    elif start.startswith(b"<"):
        hint = "it is a web page, so the address did not lead to the file"
    elif start.startswith(b"version https://git-lfs"):
        hint = "it is a Git LFS pointer; get the file itself with `git lfs pull`"
    if hint:
        raise CheckpointError(f"Weights file {source.name} holds no weights: {hint}.")
    file = TorchFile(source)
    if file.script is None:
        records = dict(_records(file.tree, source.name))
    else:
        records = dict(script_records(file.tree, file.script, source.name))
    return {name: file.tensor(record) for name, record in records.items()}, file.tree


# -- from the saved object to a flat list of tensors


def _records(tree: Any, file: str) -> Iterator[tuple[str, TensorRecord]]:
    """Names and records of the weights in ``tree``."""
    if isinstance(tree, dict):
        inner = next((tree[k] for k in CONTAINERS if isinstance(dict.get(tree, k), dict | Placeholder)), None)
        if inner is not None:
            tree = inner
    found: list[tuple[Any, Any]] = list(_of_module(tree) if isinstance(tree, Placeholder) else _items(tree))
    within("objects", TENSOR_SIZE * len(found))
    for name, record in found:
        problem = ""
        if not isinstance(name, str):
            problem = f"one of its keys is of type {type(name).__name__}"
        elif not isinstance(record, TensorRecord):
            problem = f"its entry {name[:80]!r} is not a tensor but of type {_type_of(record)}"
        if problem:
            raise CheckpointError(
                f"Weights file {file} is not a state dict: {problem}. Expected are tensors by name, a module, or "
                f"either of them under {', '.join(map(repr, CONTAINERS))}."
            )
    if not found:
        raise CheckpointError(
            f"Weights file {file} holds no weights: it is a pickled {_type_of(tree)} without tensors."
        )
    yield from found


def _type_of(thing: Any) -> str:
    return shown(thing.name) if isinstance(thing, Placeholder) else type(thing).__name__


def _of_module(root: Placeholder) -> Iterator[tuple[str, TensorRecord]]:
    """The entries of ``root.state_dict()``, in its order."""
    effort = Effort()
    for prefix, module in layers(root, lambda s: _items(vars(s).get("_modules")), effort):
        attributes = vars(module)
        passing = attributes.get("_non_persistent_buffers_set")
        skipped = passing if isinstance(passing, set) else ()
        for kind, leave_out in (("_parameters", ()), ("_buffers", skipped)):
            for name, value in _items(attributes.get(kind)):
                effort.spend(1)
                if isinstance(value, TensorRecord) and isinstance(name, str) and name not in leave_out:
                    effort.spend(TENSOR_SIZE + len(prefix) // 10)
                    yield f"{prefix}{name[: MAX_TEXT + 1]}", value


def _items(mapping: Any) -> Iterable[tuple[Any, Any]]:
    # dict.items, not mapping.items: a pickle can give an OrderedDict an attribute of that name
    return dict.items(mapping) if isinstance(mapping, dict) else ()
