"""Hostile weights files whose container lies: archives of torch.save and TorchScript, and members of other archives."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Iterable

from hostile_pickles import NUMBERS, Call, Hostile, Raw, file, ops, program, storage, streamed, tensor, zipped

TREE = program({"weight": tensor()})
SYSTEM = Call("posix", "system", ("touch CANARY",))
NO_CHECKPOINT = "it is a zip archive, but not one of torch.save; name a weights file inside it with member="
TWICE = "its archive has several members of one name"


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped_file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        for name, data in members:
            zipped_file.writestr(name, data, method)
    return stream.getvalue()


def patched(data: bytes, field: int, value: int, form: str = "<I", entry: int = 0) -> bytes:
    """The archive with a field of the ``entry``-th record of its directory changed."""
    changed = bytearray(data)
    at = struct.unpack_from("<I", data, len(data) - 6)[0] - 1  # where the directory begins
    for _ in range(entry + 1):
        at = changed.index(b"PK\x01\x02", at + 1)
    struct.pack_into(form, changed, at + field, value)
    return bytes(changed)


def claims(data: bytes) -> str:
    return f"its contents claim to be larger than its {len(data):,} bytes, or are compressed"


def paths() -> Iterable[Hostile]:
    """Names in the directory of an archive that confuse or lead out of it."""
    sound = ("w/data.pkl", TREE), ("w/data/0", NUMBERS)
    for name, data, cause in (
        ("an empty archive", archive(), None),
        ("a zip in a zip", archive(("w.pt", zipped(TREE))), NO_CHECKPOINT),
        ("a zip as data.pkl", archive(("w/data.pkl", zipped(TREE))), None),
        ("data.pkl at the top", archive(("data.pkl", TREE)), NO_CHECKPOINT),
        ("data.pkl in two folders", archive(*sound, ("v/data.pkl", TREE)), NO_CHECKPOINT),
        ("data.pkl twice", archive(*sound, ("w/data.pkl", program(SYSTEM))), TWICE),
        ("a storage twice", archive(*sound, ("w/data/0", b"x" * 16)), TWICE),
    ):
        yield Hostile(name, file(data), cause=cause)
    for name in ("/etc/x", "../x", "w/../../x", "C:/x", "w/data/../../../x", "..\\x", "../data.pkl", "../\x1b[2J"):
        told = name if name.isprintable() else repr(name)
        cause = f"its archive has a member with a path that leads out of it ({told})"
        yield Hostile(f"the member {told}", file(archive(*sound, (name, b"x"))), cause=cause)


def sizes() -> Iterable[Hostile]:
    """Bombs, and directories that lie."""
    whole = zipped(TREE)
    for name in ("w/data.pkl", "w/data/0", "w/else"):
        others = [(n, d) for n, d in (("w/data.pkl", TREE), ("w/data/0", NUMBERS)) if n != name]
        bomb = archive((name, b"\0" * 30_000_000), *others, method=zipfile.ZIP_DEFLATED)
        yield Hostile(f"a bomb as {name}", file(bomb), cause=claims(bomb))
    more = zipped(program({"a": tensor(), "b": tensor(where=storage(key="1"))}), **{"data/1": NUMBERS})
    twins = archive(("w/data.pkl", TREE), ("w/data/0", NUMBERS * 999), ("w/data/1", NUMBERS * 999))
    for name, data, cause in (
        ("a size of 4 GB", patched(whole, 24, 0xFFFFFFF0), claims(whole)),
        ("a stored size of 4 GB", patched(patched(whole, 24, 0xFFFFFFF0), 20, 0xFFFFFFF0), claims(whole)),
        ("an unknown compression", patched(whole, 10, 99, "<H"), claims(whole)),
        ("an encrypted member", patched(whole, 8, 1, "<H"), None),
        ("a wrong checksum of the pickle", patched(whole, 16, 7), None),
        ("a wrong place", patched(whole, 42, 5), None),
        ("a place beyond the end", patched(whole, 42, 0x7FFFFFFF), None),
        ("members in one place", patched(more, 42, 0, entry=2), None),
        ("members that are larger than the file together", patched(twins, 24, 32_000, entry=2), claims(twins)),
        ("a storage too short", zipped(TREE, NUMBERS[:8]), "storage '0' has 8 bytes, not 4 numbers"),
        ("a storage too long", zipped(TREE, NUMBERS * 2), "storage '0' has 32 bytes, not 4 numbers"),
        ("a wrong checksum of a storage", patched(whole, 16, 7, entry=1), None),
        ("a big-endian archive", zipped(TREE, byteorder=b"big"), "it was written on a big-endian machine"),
    ):
        yield Hostile(name, file(data), cause=cause)
    for kind, data in (("an archive", whole), ("a stream", streamed(TREE))):
        for part in range(1, 12):
            yield Hostile(f"{kind} cut off at {part} of 12", file(data[: len(data) * part // 12]), cause=None)


# -- TorchScript

NET = Raw(b"c__torch__\nNet\n)\x81q\x00}" + ops("weight") + ops(tensor()) + b"sb")
CODE = b'class Net(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n  weight : Tensor\n'


def script(tree: bytes = program(NET), constants: bytes = program(()), code: bytes = CODE) -> bytes:
    return zipped(tree, **{"constants.pkl": constants, "code/__torch__.py": code})


def holding(attribute: object) -> bytes:
    return program(Raw(bytes(NET) + b"}" + ops("more") + ops(attribute) + b"sb"))


def scripts() -> Iterable[Hostile]:
    """TorchScript archives. That of ``script()`` is sound."""
    native = Raw(b"c__torch__.torch.classes.quantized\nPacked\n)\x81")
    without = zipped(program(NET), **{"constants.pkl": program(())})
    yield Hostile("TorchScript with a call", file(script(holding(SYSTEM))), unsafe="posix.system")
    yield Hostile("TorchScript with a call in a list", file(script(holding(
        Call("torch.jit._pickle", "restore_type_tag", ([SYSTEM], "List[int]"))))), unsafe="posix.system")  # fmt: skip
    yield Hostile(
        "TorchScript with a call as constant", file(script(constants=program((SYSTEM,)))), unsafe="posix.system"
    )
    yield Hostile("TorchScript with code for constants", file(script(constants=b"import os")), cause=None)
    yield Hostile("TorchScript with binary code", file(script(code=b"\xff\xfe\x00")), cause=None)
    for name, data, told in (
        (
            "a module in itself",
            script(holding(Raw(b"h\x00"))),
            "it has layers nested deeper than those of any network, or a layer in itself.",
        ),
        (
            "an object of C++",
            script(holding(native)),
            "keeps weights in an object of __torch__.torch.classes.quantized.Packed, as quantised modules do, and only "
            "plain tensors are supported. Get the weights from before quantisation.",
        ),
        (
            "no code",
            without,
            "is a TorchScript archive without the code of __torch__.Net, so it is unknown which of its tensors are "
            "weights. Get the archive that torch.jit.save wrote, or a state dict.",
        ),
    ):
        head = "FILE:" if told.startswith("it ") else "Weights file FILE"
        yield Hostile(f"TorchScript with {name}", file(data), message=f"{head} {told}")


# -- members of an archive of many


def members() -> Iterable[Hostile]:
    """Files that lie in an archive."""
    name = "runs/w.pt"
    head = f"FILE!{name}:"
    call = program({"state_dict": {"weight": tensor()}, "extra": SYSTEM})
    whole = archive(("readme", b"x"), (name, zipped(TREE)))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for data in (zipped(call), streamed(call)):
            inside = archive((name, data), method=method)
            kind = f"{'zip' if data[:2] == b'PK' else 'stream'} {method}"
            yield Hostile(f"a member with a call, {kind}", file(inside), unsafe="posix.system", member=name)
    yield Hostile("a member in a zip in a zip", file(archive((name, whole))), cause=NO_CHECKPOINT, member=name)
    bomb = archive((name, b"\0" * 30_000_000), method=zipfile.ZIP_DEFLATED)
    packed = struct.unpack_from("<I", bomb, bomb.index(b"PK\x01\x02") + 20)[0]
    told = (
        f"{head} {packed:,} bytes claim to unpack to 30,000,000, which weights never do; if you trust it, unpack it "
        "yourself and give its path."
    )
    yield Hostile("a member that is a bomb", file(bomb), message=told, member=name)
    for field, value, told in (
        (16, 7, "its checksum is not the one in the archive."),
        (42, 3, "it is not at the position in the archive's directory."),
        (8, 1, "it is encrypted; unpack it yourself and give its path."),
        (10, 14, "its compression (method 14) is neither 'stored' nor 'deflated'; repack it."),
    ):
        data = patched(whole, field, value, "<H" if field < 16 else "<I", entry=1)
        yield Hostile(f"a member that lies: {told}", file(data), message=f"{head} {told}", member=name)
    for above in ("../w.pt", "/w.pt"):
        told = f"FILE: the member name {above!r} leads out of the archive, which is refused."
        yield Hostile(f"the member {above}", file(archive((above, zipped(TREE)))), message=told, member=above)


def archives() -> Iterable[Hostile]:
    """All of them."""
    yield from paths()
    yield from sizes()
    yield from scripts()
    yield from members()
