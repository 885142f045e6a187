"""The two container formats of ``torch.save``: zip archives, and the stream that came before torch 1.6."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, Any

import torch

from xrv_core.errors import CheckpointError, XrvError
from xrv_core.models.inert import Storage, TensorRecord, unpickle
from xrv_core.models.members import Source

__all__ = ["TorchFile"]

#: The number that opens the stream format.
STREAM_MAGIC = 0x1950A86A20F9469CFC6C


class TorchFile:
    """What ``torch.save`` wrote, read from an open source that stays the caller's.

    Attributes:
        tree: What was saved: dicts, lists, numbers, ``Shell``s, and ``TensorRecord``s for tensors.

    Raises:
        UnsafeCheckpoint: It names anything but tensors, layers and plain data.
        CheckpointError: It is damaged, or in another format.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.tree: Any = None
        self._size = source.size
        self._tensors: dict[str, torch.Tensor] = {}
        self._stream = source.stream
        with _told(self.name):
            self._stream.seek(0)
            zipped = self._stream.read(4) == b"PK\x03\x04"
            self._stream.seek(0)
            self._open = self._read_zip() if zipped else self._read_stream()

    def tensor(self, record: TensorRecord) -> torch.Tensor:
        """The tensor of a record, in memory; records of one storage share it.

        Raises:
            CheckpointError: The record reaches beyond its storage, or the file is cut off.
        """
        with _told(self.name):
            storage, offset, size, stride = record
            if not isinstance(storage, Storage) or math.prod(size) > storage.numel:
                raise ValueError(f"a tensor of size {size} does not fit into its storage")
            if storage.key not in self._tensors:
                self._tensors[storage.key] = self._read_storage(storage)
            return self._tensors[storage.key].as_strided(size, stride, offset)  # refuses to leave the storage

    def _read_storage(self, storage: Storage) -> torch.Tensor:
        with self._open(storage) as stream:  # has made sure that the file holds that many bytes
            raw = torch.empty(storage.numel * storage.dtype.itemsize, dtype=torch.uint8)
            view = memoryview(raw.numpy())  # type: ignore[arg-type]
            while view:
                count = stream.readinto(view)  # type: ignore[attr-defined]
                if not count:
                    raise ValueError(f"storage {storage.key!r} is cut off")
                view = view[count:]
        return raw.view(storage.dtype)

    def _read_zip(self) -> Callable[[Storage], AbstractContextManager[IO[bytes]]]:
        archive = zipfile.ZipFile(self._stream)
        infos = {info.filename: info for info in archive.infolist()}
        # torch.save never compresses, so what an honest file holds is smaller than the file
        if sum(i.file_size for i in archive.infolist()) > self._size or any(i.compress_type for i in infos.values()):
            raise ValueError(f"its contents claim to be larger than its {self._size:,} bytes, or are compressed")
        roots = [name.removesuffix("data.pkl") for name in infos if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(roots) != 1:
            raise ValueError(
                "it is a zip archive, but not one of torch.save; if a weights file lies in it, name that with member="
            )
        root = roots[0]
        if f"{root}constants.pkl" in infos:
            raise ValueError("it is a TorchScript archive, which is code; save a state dict instead")
        if f"{root}byteorder" in infos and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("it was written on a big-endian machine")
        self.tree, _ = unpickle(io.BytesIO(archive.read(f"{root}data.pkl")), self.name)

        def open_storage(storage: Storage) -> IO[bytes]:
            info = infos[f"{root}data/{storage.key}"]
            if info.file_size != storage.numel * storage.dtype.itemsize:
                raise ValueError(f"storage {storage.key!r} has {info.file_size:,} bytes, not {storage.numel:,} numbers")
            return archive.open(info)

        return open_storage

    def _read_stream(self) -> Callable[[Storage], AbstractContextManager[IO[bytes]]]:
        magic, _ = unpickle(self._stream, self.name)
        if magic != STREAM_MAGIC:
            raise ValueError("it was not written by torch.save")
        unpickle(self._stream, self.name)  # version of the format, always 1001
        system, _ = unpickle(self._stream, self.name)
        if not (isinstance(system, dict) and system.get("little_endian", True)):
            raise ValueError("it was written on a big-endian machine")
        self.tree, storages = unpickle(self._stream, self.name)
        keys, _ = unpickle(self._stream, self.name)
        places: dict[str, int] = {}
        for key in keys:
            storage = storages[key]
            (numel,) = struct.unpack("<q", self._stream.read(8))
            places[key] = self._stream.tell()
            end = places[key] + numel * storage.dtype.itemsize
            if numel != storage.numel or end > self._size:
                raise ValueError(f"storage {key!r} is cut off")
            self._stream.seek(end)

        def open_storage(storage: Storage) -> AbstractContextManager[IO[bytes]]:
            self._stream.seek(places[storage.key])
            return nullcontext(self._stream)

        return open_storage


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever a damaged file may cause comes out as a CheckpointError that names it."""
    try:
        yield
    except XrvError:
        raise
    except Exception as error:
        cause = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise CheckpointError(
            f"Weights file {name} cannot be read: {cause}. It is damaged, or no file of safetensors or torch.save."
        ) from error
