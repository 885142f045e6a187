"""Read pickles of tensors and layers without importing or running anything that they name.

A pickle is a small program: it names classes and functions, and calls them. Here every name
becomes an inert object. Layers become *placeholders* that only keep their attributes, tensors become
*records* (which storage, which part of it), and the few other names that real files use
(``names``) become placeholders too. Any other name is refused before the pickle continues. Our own
code (``torchfile``) makes the tensors later, from records that it checks against the file.

torch's own ``weights_only`` reader is not enough: it refuses whole modules in the non-zip format
that torch wrote before 1.6 (their classes come by persistent id), and its list of allowed classes
is global to the process.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

import torch

from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_core.models.weights.names import DTYPES, RENAMED, is_inert, shown
from xrv_core.models.weights.opcodes import check_opcodes

__all__ = ["Placeholder", "Storage", "TensorRecord", "layers", "unpickle"]

MAX_LAYERS = 100_000


class Placeholder:
    """An object of a class that is never imported: it keeps its attributes and drops the rest."""

    name = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            vars(self).update(state)

    def _drop(self, *items: object) -> None:
        """Drop the contents of a foreign container."""

    append = extend = __setitem__ = _drop


class _StorageType(NamedTuple):
    dtype: torch.dtype


class Storage(NamedTuple):
    """A block of numbers of one type in the file; tensors are views of it."""

    key: str
    dtype: torch.dtype
    numel: int


class TensorRecord(NamedTuple):
    """The position of a tensor, as the file states it, unchecked."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


class _Function:
    """A function of torch that rebuilds tensors, as an object without attributes that a pickle could change."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


def _record(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorRecord:
    return TensorRecord(storage, offset, size, stride)


def _same(data: Any, *_: Any) -> Any:
    return data


def _with_attributes(function: Any, _kind: Any, args: Any, *_: Any) -> Any:
    if not isinstance(function, _Function):
        raise pickle.UnpicklingError("a tensor is rebuilt by something that is not a tensor function")
    return function(*args)


_REBUILD: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _record,
    "torch._utils._rebuild_tensor_v2": _record,
    "torch._utils._rebuild_parameter": _same,
    "torch._utils._rebuild_parameter_with_state": _same,
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
    # lists and dicts of TorchScript, with the type that they have there
    "torch.jit._pickle.build_boollist": _same,
    "torch.jit._pickle.build_doublelist": _same,
    "torch.jit._pickle.build_intlist": _same,
    "torch.jit._pickle.build_tensorlist": _same,
    "torch.jit._pickle.restore_type_tag": _same,
}


class _InertUnpickler(pickle.Unpickler):
    """Finds only the classes ``OrderedDict`` and ``set`` of the running program."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        # Files of Python 2 hold byte strings, of any encoding
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")
        self.file = file
        self.storages: dict[str, Storage] = {}
        self._placeholders: dict[str, type[Placeholder]] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        module = RENAMED.get(module, module)
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full == "builtins.set":
            return set
        if full in _REBUILD:
            return _Function(_REBUILD[full])
        if module in ("torch", "torch.cuda") and name in DTYPES:
            return _StorageType(DTYPES[name])
        if is_inert(module, name):
            if full not in self._placeholders:  # a new class for this file, which disappears with the file's objects
                self._placeholders[full] = type("Placeholder", (Placeholder,), {"name": full})
            return self._placeholders[full]
        if full.startswith("torch._utils._rebuild_"):
            raise CheckpointError(
                f"Weights file {self.file} holds a tensor of a kind that is not supported ({shown(full)}): only plain "
                "dense tensors are. Convert it to such, and save a state dict as safetensors."
            )
        raise UnsafeCheckpoint(
            f"Weights file {self.file} asks for {shown(full)}, which is neither a tensor nor a layer of torch.nn, "
            "torchvision, timm or torchxrayvision. Nothing of the file was run. Get these weights as safetensors or "
            "as a plain state dict, from a source that you trust."
        )

    def persistent_load(self, pid: Any, /) -> Any:
        match pid:
            case ("module", found, *_):  # class, source file, source text: how whole modules were saved before 1.6
                return found
            case ("storage", _StorageType(dtype=dtype), str(key), _, int(numel)):
                pass
            case ("storage", _StorageType(dtype=dtype), str(key), _, int(numel), None):
                pass
            case _:
                raise pickle.UnpicklingError("unknown kind of storage")
        storage = self.storages.setdefault(key, Storage(key, dtype, numel))
        if storage != (key, dtype, numel) or numel < 0:
            raise pickle.UnpicklingError(f"contradictory descriptions of storage {key[:120]!r}")
        return storage


def unpickle(stream: IO[bytes], end: int, file: str) -> tuple[Any, dict[str, Storage]]:
    """Read the next pickle of ``stream``, after a check of its instructions.

    Args:
        stream: Seekable; at the end of the pickle afterwards.
        end: Where the stream ends.
        file: Name of the file, for messages.

    Returns:
        The pickled object, and the storages that it names.

    Raises:
        UnsafeCheckpoint: It names something other than tensors, layers and plain data.
        CheckpointError: It holds tensors of a kind that is not supported.
        Exception: A damaged pickle can cause any error.
    """
    start = stream.tell()
    check_opcodes(stream, end)
    end = stream.tell()
    stream.seek(start)
    unpickler = _InertUnpickler(io.BytesIO(stream.read(end - start)), file)
    tree = unpickler.load()
    return tree, unpickler.storages


def layers(
    root: Placeholder, children: Callable[[Placeholder], Iterable[tuple[str, Any]]], file: str
) -> Iterator[tuple[str, Placeholder]]:
    """A module and the modules below it, as placeholders, each with the prefix of its names; parents first.

    Args:
        root: The module.
        children: The named objects inside a module; those that are not placeholders are skipped.
        file: Name of the file, for messages.

    Raises:
        CheckpointError: A module contains itself, or there are more than in any network.
    """
    todo: list[tuple[str, Placeholder]] = [("", root)]
    seen = 0
    while todo:
        prefix, placeholder = todo.pop()
        seen += 1
        if seen > MAX_LAYERS or prefix.count(".") > 100:
            raise CheckpointError(
                f"Weights file {file} has more nested layers than any network, or a layer that contains itself."
            )
        yield prefix, placeholder
        below = [(f"{prefix}{name}.", child) for name, child in children(placeholder) if isinstance(child, Placeholder)]
        todo += reversed(below)
