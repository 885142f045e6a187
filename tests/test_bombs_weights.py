"""Small files that would take endless time or memory: each is refused at once, with the limit that it is beyond.

One process, started afresh, forks for each file: what the file costs there is its own.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hostile_archives import script
from hostile_others import entry, safe
from hostile_pickles import NUMBERS, Raw, ops, program, streamed, tensor, zipped

SECONDS, MEGABYTES = 2, 300  # of the processor, above what the process took before
OBJECTS, DOCUMENT = "XRV_MAX_OBJECTS", "XRV_MAX_DOCUMENT_BYTES"

RUNNER = """
import json, os, resource, signal, sys
from xrv_core.models import describe_saved, load_state_dict
{"weights": load_state_dict}
"""

RUNNER = """
import json, os, re, resource, sys, time
from pathlib import Path
import xrv_core
from xrv_core.models import load_state_dict
from xrv_core.torchvision_guard import import_timm
import_timm()

def memory(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def attempt(how, path):
    Path("/proc/self/clear_refs").write_text("5")
    resource.setrlimit(resource.RLIMIT_AS, ((memory("VmSize") + 3000) << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    before, start = memory("VmHWM"), time.process_time()
    try:
        HOW[how](path)
        error = ["", ""]
    except xrv_core.errors.XrvError as found:
        error = [type(found).__name__, str(found)]
    return [*error, time.process_time() - start, memory("VmHWM") - before]

HOW = {"weights": load_state_dict, "describe": xrv_core.describe_classifier, "open": xrv_core.get_classifier}
print(flush=True)
for line in sys.stdin:
    inner, outer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(outer, json.dumps(attempt(*json.loads(line))).encode()[:60_000])
        finally:
            os._exit(0)
    os.close(outer)
    with open(inner, "rb") as stream:
        print(stream.read().decode() or json.dumps(["killed", "", 99, 0]), flush=True)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def runner() -> Iterator[subprocess.Popen[str]]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell the memory of a process")
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as p:
        p.stdout.readline()
        yield p
        p.stdin.close()


def cost(runner: subprocess.Popen[str], how: str, path: Path) -> tuple[str, str, float, int]:
    runner.stdin.write(json.dumps([how, str(path)]) + "\n")
    runner.stdin.flush()
    return tuple(json.loads(runner.stdout.readline()))


# -- pickles


def key(value: bytes) -> bytes:
    """A pickle of a dict with this key."""
    return b"\x80\x02}" + value + b"K\x01s."


def keys(values: list[bytes], mark: bytes = b"}(", end: bytes = b"u") -> bytes:
    return b"\x80\x04" + mark + b"".join(value + b"K\x01" * (end == b"u") for value in values) + end + b"."


def shared(depth: int) -> bytes:
    """A tuple of 2 to the ``depth`` leaves in a few bytes."""
    return b"K\x01" + b"2\x86" * depth


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def whole(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def named(name: str) -> bytes:
    module, _, last = name.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def module(**attributes: bytes) -> bytes:
    inside = b"".join(text(name) + value for name, value in attributes.items())
    return named("torch.nn.Identity") + b")\x81}(" + inside + b"ub"


COLLIDING = [whole((2**61 - 1) * number) for number in range(100_000)]
LONG = "x" * 5_000_000
MANY = b"](" + b"K\x01" * 300_000 + b"e"
LAYER = b"\x80\x02" + named("torch.nn.Identity") + b"q\x000"
RECORD = ops(tensor())


@cache
def pickles() -> dict[str, tuple[bytes, str]]:
    """By name: the pickle, and what its refusal tells."""
    return {
        "a tuple of shared tuples as key": (key(shared(60)), "a key that is a very large tuple"),
        "a tuple of shared tuples in a set": (b"\x80\x04\x8f(" + shared(60) + b"\x90.", "a key that is"),
        "a tuple of shared tuples in a frozen set": (b"\x80\x04(" + shared(60) + b"\x91.", "a key that is"),
        "a tuple of shared tuples in a dict of protocol 0": (b"(" + shared(60) + b"K\x01d.", "a key that is"),
        "a tuple of shared tuples in an OrderedDict": (
            b"\x80\x02" + named("collections.OrderedDict") + b")R(" + shared(60) + b"K\x01u.",
            "a key that is",
        ),
        "a tuple of shared tuples in a list for a set": (
            b"\x80\x02" + named("builtins.set") + b"](" + shared(60) + b"e\x85R.",
            "no weights",
        ),
        "a tuple of shared tuples in a list for an OrderedDict": (
            b"\x80\x02" + named("collections.OrderedDict") + b"](](" + shared(60) + b"K\x01ee\x85R.",
            "no weights",
        ),
        "shared tuples out of a list, by a rebuilding function": (
            key(
                named("torch._tensor._rebuild_from_type_v2")
                + b"("
                + named("torch._utils._rebuild_parameter")
                + b"N]"
                + shared(60)
                + b"aNtR"
            ),
            "not a tensor function",
        ),
        "shared tuples out of a list, by a persistent id": (
            key(b"](" + text("module") + shared(60) + b"eQ"),
            "unknown kind of storage",
        ),
        "shared tuples out of a list, by a type of TorchScript": (
            key(named("torch.jit._pickle.restore_type_tag") + b"(" + shared(15) + b"NtR"),
            "a key that is",
        ),
        "colliding numbers": (keys(COLLIDING), OBJECTS),
        "colliding numbers in a set": (keys(COLLIDING, b"\x8f(", b"\x90"), OBJECTS),
        "colliding numbers in a frozen set": (keys(COLLIDING, b"(", b"\x91"), OBJECTS),
        "colliding numbers in an OrderedDict": (
            keys(COLLIDING, named("collections.OrderedDict") + b")R(", b"u"),
            OBJECTS,
        ),
        "colliding tuples": (keys([number + b"\x85" for number in COLLIDING]), OBJECTS),
        "colliding fractions": (keys([b"G" + struct.pack(">d", 2.0**61 * n) for n in range(60_000)]), OBJECTS),
        "numbers along one path through a dict": (
            keys([b"J" + struct.pack("<i", (n * 2**17 + 5) % 2**31) for n in range(200_000)]),
            OBJECTS,
        ),
        "a long text as key again and again": (
            b"\x80\x02}" + text(LONG) + b"q\x00K\x01s" + text(LONG) + b"q\x010" + b"h\x01K\x01s" * 100_000 + b".",
            "a key that",
        ),
        "texts of some length as keys": (
            b"\x80\x02}"
            + text("x" * 900_000)
            + b"q\x00K\x01s"
            + text("x" * 900_000)
            + b"q\x010"
            + b"h\x01K\x01s" * 200_000
            + b".",
            OBJECTS,
        ),
        "instructions without end": (b"\x80\x02" + b"]0" * 3_000_000 + b"N.", OBJECTS),
        "objects without end": (b"\x80\x02](" + b"}" * 6_000_000 + b"e.", OBJECTS),
        "sets without end": (b"\x80\x04](" + b"\x8f" * 6_000_000 + b"e.", OBJECTS),
        "a pickle of text": (b"\x80\x04\x8d" + struct.pack("<Q", 40_000_000) + b"x" * 40_000_000 + b".", DOCUMENT),
        "a pickle of bytes": (b"\x80\x03B" + struct.pack("<I", 40_000_000) + b"x" * 40_000_000 + b".", DOCUMENT),
        "a pickle of a long number": (
            b"\x80\x02\x8b" + struct.pack("<I", 40_000_000) + b"x" * 40_000_000 + b".",
            DOCUMENT,
        ),
        "classes without end": (
            b"\x80\x02](" + b"".join(named(f"torch.nn.N{n}") for n in range(200_000)) + b"e.",
            OBJECTS,
        ),
        "a long name of a class, again and again": (
            b"\x80\x04"
            + text("torch.nn." + LONG)
            + b"q\x000"
            + text("N")
            + b"q\x010"
            + b"h\x00h\x01\x930" * 100_000
            + b"N.",
            "asks for",
        ),
        "a long list as arguments of many calls": (
            b"\x80\x02("
            + b"K\x01" * 200_000
            + b"tq\x000"
            + named("torch.nn.Identity")
            + b"q\x010"
            + b"h\x01h\x00R0" * 100_000
            + b"N.",
            OBJECTS,
        ),
        "a long list as arguments of many objects": (
            b"\x80\x02("
            + b"K\x01" * 200_000
            + b"tq\x000"
            + named("torch.nn.Identity")
            + b"q\x010"
            + b"h\x01h\x00\x810" * 100_000
            + b"N.",
            OBJECTS,
        ),
        "a long list made a set many times": (
            b"\x80\x02" + MANY + b"q\x000" + named("builtins.set") + b"q\x010](" + b"h\x01h\x00\x85R" * 100_000 + b"e.",
            "no weights",
        ),
        "a long dict made an OrderedDict many times": (
            b"\x80\x02}("
            + b"".join(text(f"k{n:x}") + b"N" for n in range(100_000))
            + b"uq\x000"
            + named("collections.OrderedDict")
            + b"q\x010]("
            + b"h\x01h\x00\x85R" * 60_000
            + b"e.",
            "not a list",
        ),
        "a long dict as attributes of many layers": (
            LAYER
            + b"}("
            + b"".join(text(f"k{n:x}") + b"N" for n in range(100_000))
            + b"uq\x010"
            + b"]("
            + b"h\x00)\x81h\x01b" * 60_000
            + b"e.",
            "no weights",
        ),
        "a long dict as attributes of one OrderedDict": (
            b"\x80\x02}("
            + b"".join(text(f"k{n:x}") + b"N" for n in range(100_000))
            + b"uq\x010"
            + named("collections.OrderedDict")
            + b")R"
            + b"h\x01b" * 60_000
            + b".",
            "no weights",
        ),
        "a tensor function in a tensor function": (
            b"\x80\x02" + named("torch._tensor._rebuild_from_type_v2") + b"q\x00(h\x00N)NtR.",
            "not a tensor function",
        ),
        "tensors without end": (
            b"\x80\x02}" + RECORD + b"q\x000(" + b"".join(text(f"k{n:x}") + b"h\x00" for n in range(300_000)) + b"u.",
            OBJECTS,
        ),
        "layers that hold one another in many ways": (
            b"\x80\x02"
            + module(_modules=b"}")
            + b"q\x000"
            + b"".join(
                module(_modules=b"}(" + text("a") + b"h" + bytes([n]) + text("b") + b"h" + bytes([n]) + b"u")
                + b"q"
                + bytes([n + 1])
                + b"0"
                for n in range(60)
            )
            + b"h<.",
            OBJECTS,
        ),
        "layers that share many entries": (
            b"\x80\x02}("
            + b"".join(text(f"k{n:x}") + b"N" for n in range(100_000))
            + b"uq\x000"
            + module(_modules=b"}(" + b"".join(text(f"m{n}") + module(_modules=b"h\x00") for n in range(20_000)) + b"u")
            + b".",
            OBJECTS,
        ),
        "layers that share many tensors": (
            b"\x80\x02"
            + RECORD
            + b"q\x010}("
            + b"".join(text(f"k{n:x}") + b"h\x01" for n in range(9_000))
            + b"uq\x000"
            + module(
                _modules=b"}(" + b"".join(text(f"m{n}") + module(_parameters=b"h\x00") for n in range(9_000)) + b"u"
            )
            + b".",
            OBJECTS,
        ),
        "layers with long names": (
            b"\x80\x02"
            + text("m" * 900_000)
            + b"q\x000"
            + b"".join(
                module(_modules=b"}") + b"q\x010" + module(_modules=b"}h\x00h\x01s") + b"q\x010" for _ in range(50)
            )
            + b"h\x01.",
            "no weights",
        ),
        "a name with a prefix without end": (b"\x80\x02}" + text("module." * 200) + RECORD + b"s.", "1,400 characters"),
    }


def wrong(runner: subprocess.Popen[str], path: Path, bombs: Mapping[str, tuple[bytes, str]]) -> list[tuple[Any, ...]]:
    """The files that are not refused as they should be."""
    found: list[tuple[Any, ...]] = []
    for name, (data, told) in bombs.items():
        path.write_bytes(data)
        error, message, seconds, megabytes = cost(runner, "weights", path)
        named = message.startswith((str(path), f"Weights file {path}")) and told in message and len(message) < 1500
        typed = error in ("CheckpointError", "UnsafeCheckpoint")
        if not (typed and named and seconds < SECONDS and megabytes < MEGABYTES):
            found.append((name, error, message[:300], seconds, megabytes))
    return found


def stream_of(data: bytes) -> bytes:
    return streamed(data, keys=program(["0"] if RECORD in data else []))


def test_pickles_that_would_never_end(tmp_path, runner):
    quick = {name: (zipped(data), told) for name, (data, told) in pickles().items() if len(data) < 1_000_000}
    assert len(quick) > 10
    assert wrong(runner, tmp_path / "w.pt", quick) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", [zipped, stream_of])
def test_all_pickles_that_would_never_end(tmp_path, runner, form):
    assert (
        wrong(runner, tmp_path / "w.pt", {name: (form(data), told) for name, (data, told) in pickles().items()}) == []
    )


# -- archives and safetensors


def packed_code(code: bytes) -> bytes:
    """A TorchScript archive whose code is compressed."""
    stream = io.BytesIO(script())
    with zipfile.ZipFile(stream, "a") as opened:
        opened.writestr("w/code/more.py", code, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def directory(entries: int) -> bytes:
    """A zip archive whose directory has many members of one byte's name, at one place."""
    one = b"PK\x01\x02" + bytes(24) + struct.pack("<HHHHHII", 1, 0, 0, 0, 0, 0, 0) + b"x"
    head = zipped(program({}))[:100]
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(one) * entries, len(head), 0)
    return head + one * entries + end


NOTHING = b':{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a directory of a million members": (lambda: directory(1_000_000), DOCUMENT),
    "code of TorchScript without end": (
        lambda: script(code=b"class A(Module):\n" * 900_000), OBJECTS),
    "code of TorchScript that unpacks to 100 MB": (
        lambda: packed_code(b" " * 100_000_000), DOCUMENT),
    "safetensors: a header of 100 MB": (lambda: safe({"a": entry(), "x" * 99_000_000: entry()}), DOCUMENT),
    "safetensors: a million names": (
        lambda: safe(
            b'{"":1' + b"".join(b',"%x"' % n + NOTHING for n in range(200_000)) + b"}"
        ), OBJECTS),
    "safetensors: lists without end": (lambda: safe(b'{"a":[' + b"[]," * 5_000_000 + b"[]]}"), OBJECTS),
    "safetensors: deep lists": (lambda: safe(b'{"a":' + b"[" * 900_000 + b"]" * 900_000 + b"}"), "w.pt"),
    "safetensors: a million dimensions": (
        lambda: safe({"a": entry(shape=[1] * 200_000, offsets=(0, 4))}, NUMBERS[:4]), "dimensions"),
    "safetensors: a name with a prefix without end": (
        lambda: safe({"module." * 1_000_000: entry()}), "7,000,000 characters"),
}  # fmt: skip


def test_containers_that_would_never_end(tmp_path, runner):
    assert wrong(runner, tmp_path / "w.pt", {name: (make(), told) for name, (make, told) in FILES.items()}) == []


# -- that honest files of the same kinds are read


def test_honest_checkpoints_of_some_size(tmp_path, runner):
    path = tmp_path / "w.pt"
    for name, data in {
        "an optimizer whose state is a dict of tensors": b"}(" + (RECORD + b"K\x01") * 500 + b"u",
        "9,000 numbered entries": b"}(" + b"".join(b"M" + struct.pack("<H", n) + b"}" for n in range(9_000)) + b"u",
        "the ids of 3,000 parameters": b"}(" + b"".join(whole((14 << 43) + 64 * n) + b"}" for n in range(3_000)) + b"u",
        "a history of 300,000 numbers": b"](" + (b"G" + struct.pack(">d", 0.5)) * 300_000 + b"e",
        "an OrderedDict of Python 2": named("collections.OrderedDict") + b"](](" + text("a") + b"K\x01ee\x85R",
        "a tuple of 100,000 numbers": b"(" + b"M\xff\xff" * 100_000 + b"t",
    }.items():
        path.write_bytes(zipped(program({"state_dict": {"weight": tensor()}, "optimizer": Raw(data)})))
        error, message, seconds, _ = cost(runner, "weights", path)
        assert (name, error, message, seconds < SECONDS) == (name, "", "", True)
