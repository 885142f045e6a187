"""Hostile weights files: instructions that trick the unpickler, and tensors that are not what they claim."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from hostile_pickles import MAGIC, NUMBERS, Call, Hostile, Raw, file, ops, program, storage, streamed, tensor, zipped

SYSTEM = b"cposix\nsystem\n"
CODE = ops("touch CANARY")
OPCODES = "its pickle has instructions that torch.save does not write"
SHELL = b"ctorch.nn.modules.linear\nLinear\n"


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


#: Other ways to spell os.system("touch CANARY"), in any protocol.
SPELLINGS = {
    "INST of protocol 0": b"(S'touch CANARY'\niposix\nsystem\n.",
    "OBJ of protocol 1": b"(" + SYSTEM + CODE + b"o.",
    "NEWOBJ": b"\x80\x02" + SYSTEM + b"(" + CODE + b"t\x81.",
    "STACK_GLOBAL": b"\x80\x04" + text("posix") + text("system") + b"\x93" + CODE + b"\x85R.",
    "STACK_GLOBAL from the memo": (
        b"\x80\x04" + text("posix") + b"\x94" + text("system") + b"\x9400h\x00h\x01\x93" + CODE + b"\x85R."
    ),
    "STACK_GLOBAL from a memo written twice": (
        b"\x80\x04" + text("torch.nn") + b"q\x000" + text("posix") + b"q\x000h\x00" + text("system") + b"\x93" + CODE
        + b"\x85R."
    ),
    "BUILD of what a call gives": b"\x80\x02" + SYSTEM + CODE + b"\x85R}b.",
    "a call that is thrown away": b"\x80\x02" + SYSTEM + CODE + b"\x85R0" + ops({"weight": tensor()}) + b".",
    "a call in a persistent id": b"\x80\x02(" + ops("storage") + SYSTEM + CODE + b"\x85RtQ.",
    "a call in a layer's state": b"\x80\x02" + SHELL + b")\x81}" + ops("x") + SYSTEM + CODE + b"\x85Rsb.",
    "a call as __reduce__ of a layer": b"\x80\x02" + SHELL + b")\x81}" + ops("__reduce__") + SYSTEM + b"sb.",
    "a call as a class's attribute": b"\x80\x02" + SHELL + b"N}" + ops("__init__") + SYSTEM + b"s\x86b.",
    "a call as a rebuilding function": program(
        Call("torch._tensor", "_rebuild_from_type_v2", (Raw(SYSTEM), None, ("touch CANARY",), None))
    ),
    "a call as a module of before torch 1.6": b"\x80\x02(" + ops("module") + SYSTEM + ops("x.py") + ops("") + b"tQ.",
}  # fmt: skip

#: Instructions that damage the reader itself, and what is said of them.
TRICKS = {
    "EXT1": (b"\x80\x02\x82\x01.", OPCODES),
    "EXT2": (b"\x80\x02\x83\x01\x00.", OPCODES),
    "EXT4": (b"\x80\x02\x84\x01\x00\x00\x00.", OPCODES),
    "NEWOBJ_EX": (b"\x80\x04" + SYSTEM + b"(" + CODE + b"t}\x92.", OPCODES),
    "a memo index of 2 billion": (b"\x80\x02Nr\xff\xff\xff\x7f.", "its pickle has a memo index out of order"),
    "a memo index in text": (b"N" + b"p2000000000\n.", "its pickle has a memo index out of order"),
    "a missing memo": (b"\x80\x02h\x05.", None),
    "tuples half a million deep, hashed": (
        b"\x80\x02})" + b"\x85" * 500_000 + b"K\x01s.",
        "its pickle has a key that is a very large tuple, number or text",
    ),
    "records two thousand deep, hashed": (
        b"\x80\x02}ctorch._utils\n_rebuild_tensor\nq\x000)" + (b"q\x010h\x00(h\x01NNNtR") * 2_000 + b"K\x01s.",
        None,
    ),
    "a string of 4 GB": (b"\x80\x02X\xff\xff\xff\xffx.", None),
    "a string of 2 to the 62 bytes": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.", None),
    "a bytearray of 2 to the 62 bytes": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b"x.", None),
    "a frame of 2 to the 62 bytes": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.", None),
    "a number of minus 2 billion bytes": (b"\x80\x02\x8b\x00\x00\x00\x80.", None),
    "a number of endless digits": (b"I" + b"9" * 100_000 + b"\n.", None),
    "a buffer from outside": (b"\x80\x05\x97.", None),
    "an empty stack": (b"\x80\x02R.", None),
    "no end": (b"\x80\x02}", None),
    "no instruction": (b"\xff", None),
    "protocol 99": (b"\x80\x63N.", None),
    "attributes of a function": (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}" + ops("__defaults__") + b"K\x01s\x86b.",
        None,
    ),
    "attributes of OrderedDict": (b"\x80\x02ccollections\nOrderedDict\nN}" + ops("get") + b"Ns\x86b.", None),
    "attributes of a storage type": (b"\x80\x02ctorch\nFloatStorage\nN}" + ops("dtype") + b"Ns\x86b.", None),
    "a list as persistent id": (b"\x80\x02]Q.", "UnpicklingError: unknown kind of storage"),
    "a number as persistent id": (b"\x80\x02K\x07Q.", "UnpicklingError: unknown kind of storage"),
    "a persistent id in text": (b"Pstorage\n.", "UnpicklingError: unknown kind of storage"),
    "a tensor rebuilt by a layer": (
        program(Call("torch._tensor", "_rebuild_from_type_v2", (Raw(SHELL), None, (), None))),
        "UnpicklingError: a tensor is rebuilt by something that is not a tensor function",
    ),
}


def bushy(depth: int = 60) -> Raw:
    """A tuple of 2 to the ``depth`` leaves in a few bytes."""
    return Raw(b"K\x01" + b"2\x86" * depth)


BIG = 1 << 61
#: Tensors whose description does not fit what is stored: four float32.
TENSORS = {
    "more numbers than stored": (tensor(size=(5,)), "a tensor of size (5,) does not fit into its storage"),
    "strides out of the storage": (tensor(size=(2, 2), stride=(3, 1)), None),
    "an offset out of the storage": (tensor(offset=1), None),
    "an offset far out": (tensor(size=(1,), offset=BIG), None),
    "a size whose product overflows": (
        tensor(size=(BIG, 8), stride=(0, 0)),
        f"a tensor of size ({BIG}, 8) does not fit into its storage",
    ),
    "a size of terabytes without stride": (
        tensor(size=(10**6, 10**6), stride=(0, 0)),
        "a tensor of size (1000000, 1000000) does not fit into its storage",
    ),
    "a storage that is none": (tensor(where="0"), "a tensor of size (4,) does not fit into its storage"),
    "two claims about one storage": (
        [tensor(), tensor(where=storage(numel=3))],
        "UnpicklingError: contradictory descriptions of storage '0'",
    ),
    "two types of one storage": (
        [tensor(), tensor(where=storage("IntStorage"))],
        "UnpicklingError: contradictory descriptions of storage '0'",
    ),
    "a storage of minus one": (
        tensor(where=storage(numel=-1)),
        "UnpicklingError: contradictory descriptions of storage '0'",
    ),
    "a storage of a terabyte": (
        tensor(size=(10**12,), where=storage(numel=10**12)),
        "storage '0' has 16 bytes, not 1,000,000,000,000 numbers",
    ),
    "a storage that is not there": (tensor(where=storage(key="7")), "KeyError: 'w/data/7'"),
    "a storage outside": (tensor(where=storage(key="../../../etc/passwd")), "KeyError: 'w/data/../../../etc/passwd'"),
    "a storage whose key is a number": (tensor(where=storage(key=0)), "UnpicklingError: unknown kind of storage"),
    "a storage whose size is text": (tensor(where=storage(numel="4")), "UnpicklingError: unknown kind of storage"),
}
SIZES = {
    "a negative size": {"size": (-4,)},
    "a negative stride": {"stride": (-1,), "offset": 3},
    "a negative offset": {"offset": -1},
    "a size in text": {"size": "4"},
    "a size of numbers in text": {"size": ("4",)},
    "a size of fractions": {"size": (4.0,)},
    "a size of truths": {"size": (True,)},
    "a size of tuples without end": {"size": bushy()},
    "a size of numbers without end": {"size": (1 << 100_000,) * 60},
    "a hundred dimensions": {"size": (1,) * 100, "stride": (1,) * 100},
    "no stride": {"stride": None},
}


def programs() -> Iterable[Hostile]:
    """Spelt-out calls, tricks and false tensors, in zip archives and in the older stream."""
    for name, data in SPELLINGS.items():
        yield Hostile(name, file(zipped(data)), unsafe="posix.system")
        yield Hostile(f"{name}, in a stream", file(streamed(data)), unsafe="posix.system")
    for name, (data, cause) in TRICKS.items():
        yield Hostile(name, file(zipped(data)), cause=cause)
        yield Hostile(f"{name}, in a stream", file(streamed(data)), cause=cause)
    for name, (thing, cause) in TENSORS.items():
        tree = dict(enumerate(thing)) if isinstance(thing, list) else {"weight": thing}
        yield Hostile(name, file(zipped(program(tree))), cause=cause)
    for name, change in SIZES.items():
        data = file(zipped(program({"weight": tensor(**change)})))
        told = None if change.get("size") == bushy() else "a tensor has an impossible size, stride or offset"
        yield Hostile(name, data, cause=told)
    for kind in ("QInt8Storage", "ComplexFloatStorage", "UntypedStorage", "Wrong"):
        yield Hostile(f"a {kind}", file(zipped(program(tensor(where=storage(kind))))), unsafe=f"torch.{kind}")
    tree = program({"weight": tensor()})
    yield Hostile(
        "a stream with a call as its magic", file(b"\x80\x02" + SYSTEM + CODE + b"\x85R."), unsafe="posix.system"
    )
    yield Hostile("a stream of a big-endian machine", file(streamed(tree, system=program({"little_endian": False}))),
                  cause="it was written on a big-endian machine")  # fmt: skip
    yield Hostile("a stream that lies about sizes", file(streamed(tree, numel=10**15)), cause="storage '0' is cut off")
    yield Hostile("a stream with a negative size", file(streamed(tree, numel=-4)), cause="storage '0' is cut off")
    yield Hostile("a stream with foreign keys", file(streamed(tree, keys=program(["9"]))), cause="KeyError: '9'")
    yield Hostile("a stream whose keys are no list", file(streamed(tree, keys=program(7))), cause=None)
    yield Hostile(
        "a stream without keys for its storage", file(streamed(tree, keys=program([]))), cause="KeyError: '0'"
    )
    yield Hostile("a stream of another magic", file(program(1) + NUMBERS), cause="it was not written by torch.save")
    yield Hostile("a stream cut off after its magic", file(MAGIC), cause=None)
