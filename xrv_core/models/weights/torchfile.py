"""The container formats of torch: zip archives (of ``torch.save`` and TorchScript), and the stream before torch 1.6."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import torch

from xrv_core.assets import within
from xrv_core.errors import CheckpointError
from xrv_core.models.weights.inert import Storage, TensorRecord, unpickle
from xrv_core.models.weights.members import Source, leaves_archive, opened_archive
from xrv_core.models.weights.names import shown
from xrv_core.models.weights.torchscript import Script, read_classes

__all__ = ["TorchFile"]

#: The number that opens the stream format.
STREAM_MAGIC = 0x1950A86A20F9469CFC6C
#: As in torch and numpy.
MAX_DIMENSIONS = 64


class TorchFile:
    """A file of ``torch.save``, read from a source that the caller opens and closes.

    Attributes:
        tree: What was saved: dicts, lists, numbers, ``Placeholder``s, and ``TensorRecord``s for tensors.
        script: The other parts of a TorchScript archive; None for other files.

    Raises:
        UnsafeCheckpoint: It names something other than tensors, layers and plain data.
        CheckpointError: It is damaged, or in another format.
        BaseException: Damage can cause any error: the caller's rim names the file.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.tree: Any = None
        self.script: Script | None = None
        self._size = source.size
        self._tensors: dict[str, torch.Tensor] = {}
        self._stream = source.stream
        self._stream.seek(0)
        zipped = self._stream.read(4) == b"PK\x03\x04"
        self._stream.seek(0)
        self._open = self._read_zip() if zipped else self._read_stream()

    def tensor(self, record: TensorRecord) -> torch.Tensor:
        """The tensor of a record, in memory; tensors of one storage share its memory.

        Raises:
            CheckpointError: The record reaches beyond its storage, or the file is cut off.
        """
        storage, offset, size, stride = record
        if not (_is_shape(size) and _is_shape(stride) and _is_shape((offset,))):
            raise CheckpointError("a tensor has an impossible size, stride or offset.")
        if not isinstance(storage, Storage) or math.prod(size) > storage.numel:
            raise CheckpointError(f"a tensor of size {shown(str(size))} does not fit into its storage.")
        if storage.key not in self._tensors:
            self._tensors[storage.key] = self._read_storage(storage)
        return self._tensors[storage.key].as_strided(size, stride, offset)  # raises if it would leave the storage

    def _read_storage(self, storage: Storage) -> torch.Tensor:
        with self._open(storage) as stream:  # has checked that the file has that many bytes
            raw = torch.empty(storage.numel * storage.dtype.itemsize, dtype=torch.uint8)
            view = memoryview(raw.numpy())  # type: ignore[arg-type]
            while view:
                count = stream.readinto(view)  # type: ignore[attr-defined]
                if not count:
                    raise CheckpointError(f"storage {shown(storage.key)!r} is cut off.")
                view = view[count:]
        return raw.view(storage.dtype)

    def _read_zip(self) -> Callable[[Storage], AbstractContextManager[IO[bytes]]]:
        archive = opened_archive(self._stream, self._size)
        root, infos = _layout(archive, self._size)
        if f"{root}byteorder" in infos and archive.read(f"{root}byteorder") != b"little":
            raise CheckpointError("it was written on a big-endian machine.")
        self.tree, _ = self._unpickle_member(archive, f"{root}data.pkl")
        if f"{root}constants.pkl" in infos:
            constants, _ = self._unpickle_member(archive, f"{root}constants.pkl")
            self.script = Script(read_classes(archive, f"{root}code/"), constants)

        def open_storage(storage: Storage) -> IO[bytes]:
            info = infos[f"{root}data/{storage.key}"]
            if info.file_size != storage.numel * storage.dtype.itemsize:
                raise CheckpointError(
                    f"storage {shown(storage.key)!r} has {info.file_size:,} bytes, not {storage.numel:,} numbers."
                )
            return archive.open(info)

        return open_storage

    def _unpickle_member(self, archive: zipfile.ZipFile, member: str) -> tuple[Any, dict[str, Storage]]:
        within("document", archive.getinfo(member).file_size)
        data = archive.read(member)
        return unpickle(io.BytesIO(data), len(data), self.name)

    def _read_stream(self) -> Callable[[Storage], AbstractContextManager[IO[bytes]]]:
        magic, _ = unpickle(self._stream, self._size, self.name)
        if magic != STREAM_MAGIC:
            raise CheckpointError("it was not written by torch.save.")
        unpickle(self._stream, self._size, self.name)  # version of the format, always 1001
        system, _ = unpickle(self._stream, self._size, self.name)
        if not (isinstance(system, dict) and system.get("little_endian", True)):
            raise CheckpointError("it was written on a big-endian machine.")
        self.tree, storages = unpickle(self._stream, self._size, self.name)
        keys, _ = unpickle(self._stream, self._size, self.name)
        places: dict[str, int] = {}
        for key in keys:
            storage = storages[key]
            (numel,) = struct.unpack("<q", self._stream.read(8))
            places[key] = self._stream.tell()
            end = places[key] + numel * storage.dtype.itemsize
            if numel != storage.numel or end > self._size:
                raise CheckpointError(f"storage {str(key)[:120]!r} is cut off.")
            self._stream.seek(end)

        def open_storage(storage: Storage) -> AbstractContextManager[IO[bytes]]:
            self._stream.seek(places[storage.key])
            return nullcontext(self._stream)

        return open_storage


def _layout(archive: zipfile.ZipFile, size: int) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The folder of all members of an archive of ``torch.save``, and the members by name."""
    infos = {info.filename: info for info in archive.infolist()}
    if len(infos) < len(archive.infolist()):
        raise CheckpointError("its archive has several members of one name.")
    if outside := next(filter(leaves_archive, infos), ""):
        raise CheckpointError(f"its archive has a member with a path that leads out of it ({shown(outside)}).")
    roots = [name.removesuffix("data.pkl") for name in infos if name.endswith("/data.pkl") and name.count("/") == 1]
    # torch compresses only the code of TorchScript, so the contents of a real file are smaller than the file
    plain = [i for i in infos.values() if not (roots and i.filename.startswith(f"{roots[0]}code/"))]
    if sum(i.file_size for i in plain) > size or any(i.compress_type for i in plain):
        raise CheckpointError(f"its contents claim to be larger than its {size:,} bytes, or are compressed.")
    if len(roots) != 1:
        raise CheckpointError(
            "it is a zip archive, but not one of torch.save; name a weights file inside it with member=."
        )
    return roots[0], infos


def _is_shape(numbers: Any) -> bool:
    return (
        isinstance(numbers, tuple)
        and len(numbers) <= MAX_DIMENSIONS
        and all(type(n) is int and 0 <= n < 1 << 62 for n in numbers)
    )
