"""Read pickles of tensors and layers without importing or running anything that they name.

A pickle is a little program: it names classes and functions, and has them called. Here every name
stands for something inert. Layers become *shells* that only keep their attributes, tensors become
*records* (which storage, which part of it), and the few other names that honest files use
(``names``) become shells too. Any other name is refused before the pickle goes on. Tensors are
made afterwards, by our own code (``torchfile``), from records that are checked against the file.

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

__all__ = ["Shell", "Storage", "TensorRecord", "layers", "unpickle"]

MAX_LAYERS = 100_000


class Shell:
    """An object of a class that was never imported: it keeps its attributes and drops the rest."""

    name = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            vars(self).update(state)

    def _drop(self, *items: object) -> None:
        """Contents of a foreign container are not kept."""

    append = extend = __setitem__ = _drop


class _StorageType(NamedTuple):
    dtype: torch.dtype


class Storage(NamedTuple):
    """Numbers of one type that lie together in the file; tensors are views of them."""

    key: str
    dtype: torch.dtype
    numel: int


class TensorRecord(NamedTuple):
    """Where a tensor lies: everything unchecked, as the file says it."""

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
        raise pickle.UnpicklingError("a tensor is rebuilt by something that is no tensor function")
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
    """Finds no class of the running program but ``OrderedDict`` and ``set``."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        # Files of Python 2 hold byte strings; their text is kept whatever its encoding was.
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")
        self.file = file
        self.storages: dict[str, Storage] = {}
        self._shells: dict[str, type[Shell]] = {}

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
            if full not in self._shells:  # a class of this file alone, so that nothing outlives the reading
                self._shells[full] = type("Shell", (Shell,), {"name": full})
            return self._shells[full]
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
    """Read the next pickle of ``stream``, after a look at its instructions.

    Args:
        stream: Seekable; left behind the pickle.
        end: Where the stream ends.
        file: The file it belongs to, for messages.

    Returns:
        What was pickled, and the storages that it names.

    Raises:
        UnsafeCheckpoint: It names anything but tensors, layers and plain data.
        CheckpointError: It holds tensors of a kind that is not supported.
        Exception: Whatever a damaged pickle causes.
    """
    start = stream.tell()
    check_opcodes(stream, end)
    end = stream.tell()
    stream.seek(start)
    unpickler = _InertUnpickler(io.BytesIO(stream.read(end - start)), file)
    tree = unpickler.load()
    return tree, unpickler.storages


def layers(
    root: Shell, children: Callable[[Shell], Iterable[tuple[str, Any]]], file: str
) -> Iterator[tuple[str, Shell]]:
    """A module and the modules below it, as shells, each with the prefix of its names; parents first.

    Args:
        root: The module.
        children: Gives the named things inside a module; those that are no shells are passed over.
        file: The file it belongs to, for messages.

    Raises:
        CheckpointError: A module contains itself, or there are more than any network has.
    """
    todo: list[tuple[str, Shell]] = [("", root)]
    seen = 0
    while todo:
        prefix, shell = todo.pop()
        seen += 1
        if seen > MAX_LAYERS or prefix.count(".") > 100:
            raise CheckpointError(f"Weights file {file} has layers within layers without end.")
        yield prefix, shell
        below = [(f"{prefix}{name}.", child) for name, child in children(shell) if isinstance(child, Shell)]
        todo += reversed(below)
