"""Hostile weights files that are neither pickle nor archive: safetensors that lie, links, pipes, and other things."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hostile_pickles import DAMAGED, NUMBERS, Call, Hostile, file, program

SYSTEM = program(Call("posix", "system", ("touch CANARY",)))


def safe(header: Any, data: bytes = NUMBERS, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str = "F32", shape: Any = (4,), offsets: Any = (0, 16)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def safetensors() -> Iterable[Hostile]:
    """Every message but that on size is the library's, after our words."""
    two = {"a": entry(), "b": entry()}
    for name, data in {
        "a header that is no JSON": safe(b"{nonsense}"),
        "a header nested without end": safe(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "a header of a list": safe(b'{"a":[1,2]}'),
        "a header with a name twice": safe(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), NUMBERS * 2),
        "a header that is no text": safe(b'{"\xff\xfe":1}'),
        "overlapping tensors": safe(two),
        "a tensor beyond the end": safe({"a": entry(offsets=(0, 32), shape=(8,))}),
        "a tensor before the beginning": safe({"a": entry(offsets=(-16, 0))}),
        "a tensor of negative length": safe({"a": entry(offsets=(16, 0))}),
        "a gap between tensors": safe({"a": entry(), "b": entry(offsets=(32, 48))}, NUMBERS * 3),
        "bytes left over": safe({"a": entry()}, NUMBERS * 2),
        "an unknown type": safe({"a": entry("PY_OBJECT")}),
        "a wrong shape": safe({"a": entry(shape=(5,))}),
        "a shape of terabytes": safe({"a": entry(shape=(10**12,))}),
        "a shape whose product overflows": safe({"a": entry(shape=(1 << 40, 1 << 40))}),
        "a negative shape": safe({"a": entry(shape=(-4,))}),
        "metadata that is no text": safe({"__metadata__": {"a": 1}, "b": entry()}),
        "half of its data": safe({"a": entry()}, NUMBERS[:8]),
    }.items():
        yield Hostile(
            f"safetensors: {name}", file(data), message=f"FILE: cannot be read (SafetensorError: .... {DAMAGED}"
        )
    for name, length in (
        ("longer than the file", 10_000),
        ("of exabytes", (1 << 63) - 1),
        ("of all bits", (1 << 64) - 1),
    ):
        told = (
            f"Weights file FILE cannot be read: it begins like safetensors, but its header claims {length:,} bytes and "
            f"the file has {len(safe({'a': entry()})):,}. {DAMAGED}"
        )
        yield Hostile(f"safetensors: a header {name}", file(safe({"a": entry()}, length=length)), message=told)
    yield Hostile("safetensors: no tensors", file(safe({}, b"")), message="Weights file FILE holds no tensors.")


def tar() -> bytes:
    """The format of torch before 0.1.12, with a call in it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = len(SYSTEM)
            archive.addfile(info, io.BytesIO(SYSTEM))
    return stream.getvalue()


def loop(path: Path) -> None:
    path.symlink_to(path)


def others() -> Iterable[Hostile]:
    """What is no weights file."""
    yield from safetensors()
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for name, data, told in (
        ("nothing", b"", "it is empty"),
        ("blanks", b" \n" * 100, "it is empty"),
        ("a web page", b"\n<!DOCTYPE html>", "it is a web page, so the address did not lead to the file"),
        ("a Git LFS pointer", lfs, "it is a Git LFS pointer; get the file itself with `git lfs pull`"),
    ):
        yield Hostile(name, file(data), message=f"Weights file FILE holds no weights: {told}.")
    for name, data, cause in (
        ("a plain pickle", program([1, 2]), "it was not written by torch.save"),
        ("Python code", b"import os; os.system('touch CANARY')\n", None),
        ("a shell script", b"#!/bin/sh\ntouch CANARY\n", None),
        ("JSON", b'{"weight": [1, 2]}', None),
        ("a program", b"\x7fELF\x02\x01\x01" + b"\0" * 100, None),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0", None),
        ("zeros", b"\0" * 1_000_000, None),
        ("tar, as torch 0.1 wrote", tar(), None),
    ):
        yield Hostile(name, file(data), cause=cause)
    yield Hostile("a plain pickle with a call", file(SYSTEM), unsafe="posix.system")
    missing = "Weights file FILE does not exist."
    yield Hostile("a link to itself", loop, message=missing)
    yield Hostile("a link to nothing", lambda path: path.symlink_to(path.parent / "none"), message=missing)
    yield Hostile("a link to an endless device", lambda path: path.symlink_to("/dev/zero"), message=missing)
    yield Hostile("a folder", lambda path: path.mkdir(), message=missing)
    yield Hostile("a pipe without an end", os.mkfifo, message=missing)
