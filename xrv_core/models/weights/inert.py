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
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

import torch

from xrv_core.assets import limit, within
from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_core.models.weights.names import DTYPES, RENAMED, is_inert, shown
from xrv_core.models.weights.opcodes import MAX_TEXT, CutOff, check_opcodes

__all__ = ["CLASS_SIZE", "Effort", "Placeholder", "Storage", "TensorRecord", "layers", "unpickle"]

MAX_DEPTH = 100
#: A class takes the memory of so many numbers.
CLASS_SIZE = 100
#: Bytes that hold the short pickles of the stream format; a longer one is read again.
SHORT = 1 << 16


class Placeholder:
    """An object of a class that is never imported: it keeps its attributes and drops the rest."""

    name = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__ = state  # not copied: a pickle can give one large dict to many objects

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

    __slots__ = ("_call", "of_tensors")

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call, self.of_tensors = call, call in (_record, _same)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


def _record(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> TensorRecord:
    return TensorRecord(storage, offset, size, stride)


def _same(data: Any, *_: Any) -> Any:
    return data


def _with_attributes(function: Any, _kind: Any, args: Any, *_: Any) -> Any:
    if not (isinstance(function, _Function) and function.of_tensors and type(args) is tuple):
        raise pickle.UnpicklingError("a tensor is rebuilt by something that is not a tensor function")
    return function(*args)


class _Ordered(dict[Any, Any]):
    """An ``OrderedDict`` without the attributes that a pickle would give it, such as ``_metadata``."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


def _ordered(items: Any = None) -> _Ordered:
    """Of pairs, as Python 2 wrote it. Only short texts become keys, whose hash is kept."""
    return _Ordered((key, value) for key, value in _emptied(items) if _is_name(key))


def _set(items: Any = None) -> set[str]:
    """Those that are short texts, such as names of buffers."""
    return set(filter(_is_name, _emptied(items)))


def _emptied(items: Any) -> list[Any]:
    """The items of a list that is of no further use: a pickle could give a long one to many calls."""
    if items is None:
        return []
    if type(items) is not list:
        raise pickle.UnpicklingError("a dict or a set is made of something that is not a list")
    found, items[:] = list(items), []
    return found


def _is_name(thing: object) -> bool:
    return type(thing) is str and len(thing) <= MAX_TEXT


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
    "collections.OrderedDict": _ordered,
    "builtins.set": _set,
}


class _InertUnpickler(pickle.Unpickler):
    """Finds no class or function of the running program but those of this module."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        # Files of Python 2 hold byte strings, of any encoding
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")
        self.file = file
        self.storages: dict[str, Storage] = {}
        self._placeholders: dict[str, type[Placeholder]] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        module = RENAMED.get(module, module)
        full = f"{module}.{name}"
        if full in _REBUILD:
            return _Function(_REBUILD[full])
        if module in ("torch", "torch.cuda") and name in DTYPES:
            return _StorageType(DTYPES[name])
        if len(full) <= MAX_TEXT and is_inert(module, name):
            if full not in self._placeholders:  # a new class for this file, which disappears with the file's objects
                within("objects", CLASS_SIZE * len(self._placeholders))
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
        match pid if type(pid) is tuple else None:
            case ("module", found, *_):  # class, source file, source text: how whole modules were saved before 1.6
                return found
            case ("storage", _StorageType(dtype=dtype), str(key), _, int(numel)):
                pass
            case ("storage", _StorageType(dtype=dtype), str(key), _, int(numel), None):
                pass
            case _:
                raise pickle.UnpicklingError("unknown kind of storage")
        if len(key) > MAX_TEXT:
            raise pickle.UnpicklingError("unknown kind of storage")
        storage = self.storages.setdefault(key, Storage(key, dtype, numel))
        if storage.dtype != dtype or storage.numel != numel or not 0 <= numel < 1 << 62:
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
        OverLimit: It is longer, or has more objects, than the limits of a document.
        BaseException: A damaged pickle can cause any error.
    """
    start = stream.tell()
    data = _next_pickle(stream, end - start)
    stream.seek(start + len(data))
    unpickler = _InertUnpickler(io.BytesIO(data), file)
    tree = unpickler.load()
    return tree, unpickler.storages


def _next_pickle(stream: IO[bytes], size: int) -> bytes:
    """The bytes of the pickle that begins here, of which ``size`` are there at most."""
    start, most = stream.tell(), limit("document")
    for length in (SHORT, most):
        stream.seek(start)
        data = stream.read(min(length, size))
        try:
            return data[: check_opcodes(data)]
        except CutOff:
            if size <= length:
                raise
    within("document", size)
    raise CutOff("its pickle is cut off")


class Effort:
    """What may still be done with the objects of one file, which can lead to one another in endless ways."""

    def __init__(self) -> None:
        self._left = limit("objects")

    def spend(self, amount: int) -> None:
        """Add an amount; OverLimit beyond the limit of objects."""
        self._left -= amount
        if self._left < 0:
            within("objects", limit("objects") - self._left)


def layers(
    root: Placeholder, children: Callable[[Placeholder], Iterable[tuple[Any, Any]]], effort: Effort
) -> Iterator[tuple[str, Placeholder]]:
    """A module and the modules below it, as placeholders, each with the prefix of its names; parents first.

    Args:
        root: The module.
        children: The named objects inside a module; those that are not placeholders are skipped.
        effort: Counts the modules and what is in them.

    Raises:
        CheckpointError: A module contains itself, or modules are nested deeper than in any network.
        OverLimit: There are more than in any network.
    """
    todo: list[tuple[str, Placeholder]] = [("", root)]
    while todo:
        prefix, placeholder = todo.pop()
        if prefix.count(".") > MAX_DEPTH:
            raise CheckpointError("it has layers nested deeper than those of any network, or a layer in itself.")
        yield prefix, placeholder
        below = []
        for name, child in children(placeholder):
            effort.spend(1)
            if isinstance(child, Placeholder) and _is_name(name):
                effort.spend(10 + len(prefix) // 10)
                below.append((f"{prefix}{name}.", child))
        todo += reversed(below)
