"""The corpus of hostile weights files: each is refused with a typed error, and nothing else happens.

While a file is read, an audit hook of the interpreter writes down whatever is opened, started, imported, compiled or
connected; memory and time are measured.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hostile_archives import CODE, archive, archives, script
from hostile_others import entry, others, safe
from hostile_pickles import DAMAGED, Call, Hostile, checkpoint, payloads, program, streamed, tensor, zipped
from hostile_programs import programs

from xrv_core.errors import CheckpointError, PathMissing, UnsafeCheckpoint
from xrv_core.models import load_state_dict

CORPUS = [*payloads(), *programs(), *archives(), *others()]
REFUSAL = (
    "Weights file {file} asks for {name}, which is neither a tensor nor a layer of torch.nn, torchvision, timm or "
    "torchxrayvision. Nothing of the file was run. Get these weights as safetensors or as a plain state dict, from a "
    "source that you trust."
)
#: What reading a file may do, besides opening that very file for reading.
QUIET = frozenset({"object.__getattr__", "object.__setattr__", "object.__delattr__", "sys._getframe"})
MEGABYTES = 150
SECONDS = 20


class Recorder:
    """An audit hook, which Python cannot take away again; it writes down only while it is switched on."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if self.events is not None and event not in QUIET:
            self.events.append((event, repr(args)[:300]))

    @contextmanager
    def recording(self) -> Iterator[list[tuple[str, str]]]:
        self.events = found = []
        try:
            yield found
        finally:
            self.events = None


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    path = tmp_path_factory.mktemp("warm") / "w.pt"
    for data in (zipped(program({"w": tensor()})), streamed(program({"w": tensor()})), script()):
        path.write_bytes(data)  # what is imported at first use is imported now
        load_state_dict(path)
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(CheckpointError):
        load_state_dict(path)
    return Recorder()


def peak_memory() -> int:
    """Largest resident size since the last call, in MB; 0 where the system does not tell."""
    try:
        text = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) // 1024


def opening(path: Path) -> str:
    """What is heard when a file is opened for reading."""
    return repr((str(path), "r", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)))


def message_of(hostile: Hostile, path: Path) -> str:
    name = f"{path}!{hostile.member}" if hostile.member else str(path)
    if hostile.unsafe:
        return REFUSAL.format(file=name, name=hostile.unsafe)
    if hostile.message:
        return hostile.message.replace("FILE", str(path))
    if hostile.cause is None:
        return f"{name}: ..."
    foreign = f"cannot be read ({hostile.cause}). {DAMAGED}"
    return f"{name}: {foreign if hostile.cause.partition(': ')[0].endswith('Error') else f'{hostile.cause}.'}"


def test_the_corpus_is_large_and_without_doubles():
    assert len({hostile.name for hostile in CORPUS}) == len(CORPUS) >= 250


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda h: re.sub(r"[^ -~]", "?", h.name)[:80])
def test_a_hostile_file_is_refused_and_nothing_happens(tmp_path, monkeypatch, recorder, hostile):
    monkeypatch.chdir(tmp_path)  # where payloads would leave their canary
    path = tmp_path / "w.pt"
    hostile.write(path)
    peak_memory()
    modules, before, start = set(sys.modules), peak_memory(), time.monotonic()
    with recorder.recording() as events, pytest.raises((CheckpointError, PathMissing)) as error:
        load_state_dict(path, member=hostile.member)
    assert time.monotonic() - start < SECONDS
    assert peak_memory() - before < MEGABYTES
    told, expected = str(error.value), message_of(hostile, path)
    begins, known, ends = expected.partition("...")  # the dots stand for the wording of a library
    assert (told.startswith(begins) and told.endswith(ends)) if known else told == expected
    assert (type(error.value) is UnsafeCheckpoint) == bool(hostile.unsafe)
    assert told.isprintable()
    assert len(told) < 1000
    assert {args for event, args in events if event == "open"} <= {opening(path)}
    assert [e for e in events if e[0] != "open"] == []
    assert set(sys.modules) == modules
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


# -- that the tests above can fail


def test_the_files_are_sound_but_for_what_makes_them_hostile(tmp_path):
    path = tmp_path / "w.pt"
    tree, whole = program(checkpoint(None)), program({"weight": tensor()})
    for data in (zipped(tree), streamed(tree), zipped(whole), streamed(whole), script()):
        path.write_bytes(data)
        assert load_state_dict(path)["weight"].tolist() == [1, 2, 3, 4]
    path.write_bytes(archive(("runs/w.pt", zipped(tree))))
    assert load_state_dict(path, member="runs/w.pt")["weight"].tolist() == [1, 2, 3, 4]
    path.write_bytes(safe({"weight": entry()}))
    assert load_state_dict(path)["weight"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (Call("os", "system", ("touch CANARY",)), "os.system"),
        (Call("subprocess", "call", (("touch", "CANARY"),)), "subprocess.Popen"),
        (Call("builtins", "exec", ("open('CANARY', 'w').close()",)), "exec"),
        (Call("builtins", "open", ("CANARY", "w")), "open"),
        (Call("builtins", "__import__", ("colorsys",)), "import"),
        (Call("socket", "create_connection", (("127.0.0.1", 9), 1)), "socket.connect"),
    ],
)
def test_payloads_bite_where_pickles_are_run_and_the_recorder_hears_it(tmp_path, monkeypatch, recorder, payload, event):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with recorder.recording() as events, contextlib.suppress(OSError):
        opened = pickle.loads(program(payload))
        if event == "open":
            opened.close()
    assert event in [heard for heard, _ in events]
    assert (tmp_path / "CANARY").exists() == (event not in ("import", "socket.connect"))


# -- what must be read without being run


def test_code_of_torchscript_does_not_run(tmp_path, monkeypatch, recorder):
    monkeypatch.chdir(tmp_path)
    code = (
        b"import os\nos.system('touch CANARY')\nopen('CANARY', 'w').close()\n" + CODE + b"  def __setstate__(self, "
        b"state: Tensor) -> NoneType:\n    ops.prim.RaiseException('run', 'builtins.ValueError')\n    return None\n"
    )
    path = tmp_path / "w.pt"
    path.write_bytes(script(code=code))
    with recorder.recording() as events:
        assert load_state_dict(path)["weight"].tolist() == [1, 2, 3, 4]
    assert events == [("open", opening(path))]
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]


SOUND = {
    "zip": zipped(program(checkpoint([1.5, "x", (2,)]))),
    "stream": streamed(program(checkpoint({"a": [1]}))),
    "TorchScript": script(),
    "safetensors": safe({"weight": entry()}),
}


@pytest.mark.parametrize("form", SOUND)
def test_files_with_a_few_bytes_changed_are_read_or_refused(tmp_path, recorder, form):
    """Chance damage: whatever comes of it, it is no other error, no effect and no memory."""
    data = SOUND[form]
    random = Random(0)
    path = tmp_path / "w.pt"
    outcomes = Counter()
    peak_memory()
    before = peak_memory()
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(random.randint(1, 3)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        path.write_bytes(changed)
        with recorder.recording() as events:
            try:
                outcomes["read"] += bool(load_state_dict(path))
            except CheckpointError:
                outcomes["refused"] += 1
        assert {event for event, _ in events} == {"open"}
    assert outcomes["refused"] > 50
    assert peak_memory() - before < MEGABYTES
