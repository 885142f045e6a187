"""Hostile weights files whose pickle is the weapon, assembled from opcodes: nothing that they name is imported here."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

DAMAGED = "It is damaged, or not a file of safetensors or torch.save."
NUMBERS = struct.pack("<4f", 1, 2, 3, 4)


class Hostile(NamedTuple):
    """A file of the corpus.

    Attributes:
        name: What it does.
        write: Writes it, given its path.
        unsafe: The name that it is refused for as unsafe; then the message is known.
        cause: Else: what the message tells, or None where that is the wording of a library.
        message: Else: the whole message, with FILE for its name.
        member: It lies in an archive under this name.
    """

    name: str
    write: Callable[[Path], object]
    unsafe: str = ""
    cause: str | None = ""
    message: str = ""
    member: str | None = None


# -- an assembler of pickles


class Raw(bytes):
    """Opcodes as they are."""


class Call(NamedTuple):
    module: str
    name: str
    args: tuple[Any, ...] = ()


def ops(thing: Any) -> bytes:
    """Opcodes that leave ``thing`` on the stack; a ``Call`` leaves what it returns."""
    match thing:
        case Raw():
            return bytes(thing)
        case Call(module, name, args):
            return f"c{module}\n{name}\n".encode() + ops(tuple(args)) + b"R"
        case str():
            return b"X" + struct.pack("<I", len(thing.encode())) + thing.encode()
        case tuple():
            return b"(" + b"".join(map(ops, thing)) + b"t"
        case list():
            return b"](" + b"".join(map(ops, thing)) + b"e"
        case dict():
            return b"}(" + b"".join(ops(k) + ops(v) for k, v in thing.items()) + b"u"
    return pickle.dumps(thing, protocol=2)[2:-1]


def program(thing: Any, protocol: int = 2) -> bytes:
    return bytes([0x80, protocol]) + ops(thing) + b"."


def storage(kind: str = "FloatStorage", key: Any = "0", numel: Any = 4) -> Raw:
    return Raw(ops(("storage", Raw(f"ctorch\n{kind}\n".encode()), key, "cpu", numel)) + b"Q")


def tensor(size: Any = (4,), stride: Any = (1,), offset: Any = 0, where: Any = None) -> Call:
    where = storage() if where is None else where
    return Call(
        "torch._utils", "_rebuild_tensor_v2", (where, offset, size, stride, False, Call("collections", "OrderedDict"))
    )


def checkpoint(extra: Any) -> dict[str, Any]:
    """A sound training checkpoint but for ``extra``."""
    return {"state_dict": {"weight": tensor()}, "hyper_parameters": extra}


def zipped(data: bytes, numbers: bytes = NUMBERS, **members: bytes) -> bytes:
    """An archive as ``torch.save`` writes it, of one pickle and one storage."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in ({"data.pkl": data, "data/0": numbers} | members).items():
            archive.writestr(f"w/{name}", content)
    return stream.getvalue()


MAGIC, VERSION, SYSTEM = program(0x1950A86A20F9469CFC6C), program(1001), program({"little_endian": True})


def streamed(
    tree: bytes, keys: bytes = program(["0"]), magic: bytes = MAGIC, system: bytes = SYSTEM, numel: int = 4
) -> bytes:
    """A file as ``torch.save`` wrote it before torch 1.6."""
    return magic + VERSION + system + tree + keys + struct.pack("<q", numel) + NUMBERS


def file(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


# -- functions that do harm


def calls(canary: str) -> Iterable[Call]:
    """A call of every kind that attacks on pickles use; most would make the canary."""
    touch, code = f"touch {canary}", f"open({canary!r}, 'w').close()"
    argv = ("touch", canary)
    yield from (
        Call(m, n, (touch,)) for m, n in [("os", "system"), ("posix", "system"), ("nt", "system"), ("os", "popen")]
    )
    yield from (Call("subprocess", n, (argv,)) for n in ("Popen", "run", "call", "check_output"))
    yield from (Call("subprocess", n, (touch,)) for n in ("getoutput", "getstatusoutput"))
    yield from (Call("builtins", n, (code,)) for n in ("eval", "exec"))
    yield Call("builtins", "compile", (code, "x", "exec"))
    yield Call("builtins", "open", (canary, "w"))
    yield Call("builtins", "__import__", ("os",))
    yield Call("builtins", "getattr", (Call("builtins", "__import__", ("os",)), "system"))
    yield from (Call("builtins", n) for n in ("globals", "type", "breakpoint", "input", "map", "setattr", "vars"))
    yield from (Call("importlib", n, ("antigravity",)) for n in ("import_module", "__import__"))
    yield from (Call("runpy", n, (canary,)) for n in ("run_path", "run_module", "_run_code"))
    yield from (
        Call(m, n, (argv,)) for m, n in [("pty", "spawn"), ("os", "execv"), ("os", "spawnvp"), ("asyncio", "run")]
    )
    yield from (
        Call(m, n, (code,))
        for m, n in [("timeit", "timeit"), ("cProfile", "run"), ("pdb", "run"), ("code", "interact")]
    )
    yield from (
        Call(m, n, (canary,))
        for m, n in [("shutil", "rmtree"), ("os", "remove"), ("os", "mkdir"), ("tempfile", "mkstemp")]
    )
    yield Call("webbrowser", "open", ("http://127.0.0.1:9",))
    yield Call("socket", "create_connection", (("127.0.0.1", 9),))
    yield Call("urllib.request", "urlopen", ("http://127.0.0.1:9",))
    yield Call("ctypes", "CDLL", (canary,))
    yield from (Call("operator", n, ("system",)) for n in ("attrgetter", "methodcaller", "itemgetter"))
    yield Call("functools", "reduce", (Raw(b"cposix\nsystem\n"), [touch]))
    yield from (Call("types", n) for n in ("FunctionType", "CodeType", "ModuleType", "MethodType"))
    yield from (Call(m, "loads", (b"x",)) for m in ("marshal", "pickle", "_pickle", "dill"))
    yield from (Call("copyreg", n) for n in ("_reconstructor", "__newobj__", "__newobj_ex__", "add_extension"))
    yield from (Call("sys", n) for n in ("exit", "setprofile", "settrace"))
    yield from (Call(m, n) for m, n in [("atexit", "register"), ("threading", "Timer"), ("faulthandler", "_sigsegv")])
    yield from (Call("torch.hub", n, (canary,)) for n in ("load", "load_state_dict_from_url", "download_url_to_file"))
    yield from (
        Call(m, "load", (canary,))
        for m in ("torch", "torch.serialization", "torch.jit", "torch.package", "numpy", "joblib")
    )
    yield Call("torch.storage", "_load_from_bytes", (program(Call("posix", "system", (touch,))),))
    yield Call("torch.utils.cpp_extension", "load_inline", ("x", code))
    yield Call("torch.utils.collect_env", "run", (touch,))
    yield Call("torch.utils.model_zoo", "load_url", ("http://127.0.0.1:9",))
    yield Call("torch._C", "_jit_compile", (code,))
    yield Call("torch.ops", "load_library", (canary,))
    yield Call("torch.FloatStorage", "from_file", (canary, True, 8))
    yield Call("numpy.testing._private.utils", "runstring", (code, {}))
    yield Call("pandas", "read_pickle", (canary,))
    yield Call("cloudpickle.cloudpickle", "_make_function")
    yield Call("pip", "main", (["install", "x"],))
    yield Call("safetensors.torch", "load_file", (canary,))
    yield Call("xrv_core.models.weights.inert", "Placeholder")


#: The same under names of Python 2, which the unpickler knows; and disguised as parts of what is allowed.
DISGUISED = {
    "old eval": (("__builtin__", "eval"), "builtins.eval"),
    "old apply": (("__builtin__", "apply"), "builtins.apply"),
    "old getoutput": (("commands", "getoutput"), "subprocess.getoutput"),
    "os in torch.nn": (("torch.nn.modules.module.os", "system"), "torch.nn.modules.module.os.system"),
    "os of torch.nn": (("torch.nn.modules.module", "os"), "torch.nn.modules.module.os"),
    "popen in timm": (("timm.models.subprocess", "Popen"), "timm.models.subprocess.Popen"),
    "sys in Lightning": (("pytorch_lightning.utilities.sys", "modules"), "pytorch_lightning.utilities.sys.modules"),
    "builtins in TorchScript": (("__torch__.builtins", "exec"), "__torch__.builtins.exec"),
    "almost torchvision": (("torchvisionevil.models", "x"), "torchvisionevil.models.x"),
    "almost torch.nn": (("torch.nnevil", "x"), "torch.nnevil.x"),
    "dotted in torch.nn": (("torch.nn.modules.module", "torch.hub.load"), "torch.nn.modules.module.torch.hub.load"),
    "dotted in timm": (("timm", "os.system"), "timm.os.system"),
    "dotted in pathlib": (("pathlib", "Path.unlink"), "pathlib.Path.unlink"),
    "a terminal escape": (("evil\x1b[2J", "x"), "'evil\\x1b[2J.x'"),
    "an endless name": (("e" * 100_000, "x"), repr("e" * 120)),
}


def payloads() -> Iterable[Hostile]:
    """Every call in a place of its own, beside sound weights."""
    places: list[Callable[[Any], bytes]] = [
        lambda call: zipped(program(checkpoint({"optimizer": call}))),
        lambda call: streamed(program(checkpoint(call))),
        lambda call: zipped(program({"weight": tensor(), "bias": call})),
        lambda call: zipped(program(tensor(size=call))),
        lambda call: streamed(program({"weight": tensor(where=call)})),
        lambda call: zipped(program(checkpoint(Call("functools", "partial", (call,))))),
        lambda call: zipped(program(checkpoint(Call("omegaconf.dictconfig", "DictConfig", ({"a": call},))))),
        lambda call: streamed(program({"weight": tensor()}), keys=program([call])),
        lambda call: streamed(program({"weight": tensor()}), system=program(call)),
    ]
    for number, call in enumerate(calls("CANARY")):
        data = places[number % len(places)](call)
        yield Hostile(f"calls {call.module}.{call.name}", file(data), unsafe=f"{call.module}.{call.name}")
    for name, ((module, attribute), told) in DISGUISED.items():
        yield Hostile(name, file(zipped(program(checkpoint(Call(module, attribute, ("x",)))))), unsafe=told)
