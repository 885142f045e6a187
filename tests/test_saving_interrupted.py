"""A model file that is being written when the process is killed, or the disk is full: the old one stays, or the new
one is whole; what is left beside it goes with the next run."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import says
from safetensors.torch import save_file

import xrv_core
from xrv_core.assets.files import whole
from xrv_core.errors import WriteError
from xrv_core.models import BackboneClassifier, load_state_dict, save_classifier, write_safetensors

CALLS = ("open", "mkdir", "fsync", "replace", "rename", "chmod", "unlink", "rmdir", "scandir")


def in_child(work: Callable[[], Any], at: int) -> int:
    """The exit code of a process that runs ``work``, killed before its call number ``at`` to the file system."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = at

    def killing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    try:
        for name in CALLS:
            setattr(os, name, killing(getattr(os, name)))
        import safetensors.torch

        safetensors.torch.save_file = killing(save_file)
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


@pytest.fixture
def small() -> BackboneClassifier:
    return BackboneClassifier("test_vit", ["Mass"], input_resolution=160).eval()


def test_killed_at_each_call_while_tensors_are_written(tmp_path):
    path, old, new = tmp_path / "w.safetensors", {"a": torch.zeros(1000)}, {"a": torch.ones(1000)}
    seen = set()
    for at in range(1, 60):
        write_safetensors(path, old, {})
        whole._swept.clear()
        code = in_child(lambda: write_safetensors(path, new, {}), at)
        seen.add(float(load_state_dict(path)["a"].sum()))
        whole._swept.clear()
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert seen == {0, 1000}
    assert 5 < at < 59
    write_safetensors(path, old, {})
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def writes(path: Path, source: Path, command: str) -> list[str]:
    """A program that writes ``path`` again and again: with save_classifier, or as `xrv convert` does."""
    code = {
        "save": "model = xrv_core.get_classifier(source)\nwhile True:\n    save_classifier(model, path)\n",
        "convert": "from xrv_run.convert import convert\nwhile True:\n    convert(source, path, overwrite=True)\n",
    }[command]
    head = "import sys, xrv_core\nfrom xrv_core.models import save_classifier\nsource, path = sys.argv[1:]\n"
    return [sys.executable, "-c", head + code, str(source), str(path)]


@pytest.fixture
def source(tmp_path: Path, small: BackboneClassifier) -> Path:
    path = tmp_path / "source.safetensors"
    save_classifier(small, path)
    return path


def killed(folder: Path, source: Path, command: str, times: int, rng: random.Random) -> Iterator[Path]:
    """The file after each kill at a random moment."""
    path = folder / f"{command}.safetensors"
    for _ in range(times):
        with subprocess.Popen(writes(path, source, command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            while not path.exists() and run.poll() is None:
                time.sleep(0.02)
            time.sleep(rng.random() * 0.3)
            assert run.poll() is None, run.stderr.read().decode()[-500:]
            run.kill()
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("command", ["save", "convert"])
def test_killed_at_random_moments(tmp_path, source, command):
    weights = tmp_path / "w.pt"
    torch.save(load_state_dict(source), weights)
    folder = tmp_path / "out"
    folder.mkdir()
    for path in killed(folder, source if command == "save" else weights, command, 25, random.Random(0)):
        assert load_state_dict(path).keys() == load_state_dict(source).keys()
        if command == "save":
            assert xrv_core.get_classifier(path).pathologies == ["Mass"]
    whole._swept.clear()
    write_safetensors(folder / "next.safetensors", {"a": torch.ones(1)}, {})
    assert {each.name for each in folder.iterdir()} == {f"{command}.safetensors", "next.safetensors"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs another user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_with_the_bytes_that_are_needed(small_disk, small):
    path = small_disk / "m.safetensors"
    write_safetensors(path, {"a": torch.ones(10)}, {})
    size = sum(tensor.nbytes for tensor in small.state_dict().values())
    with pytest.raises(WriteError, match=says(path, "No space left", "bytes are free", small_disk, f"{size:,} bytes")):
        save_classifier(small, path)
    assert load_state_dict(path)["a"].sum() == 10
    assert [each.name for each in small_disk.iterdir()] == [path.name]


def test_xrv_convert_on_a_full_disk(small_disk, tmp_path):
    from xrv_run.convert import convert

    torch.save({"a": torch.ones(1_000_000)}, tmp_path / "w.pt")
    with pytest.raises(WriteError, match=says("No space left", small_disk, "4,000,000 bytes")):
        convert(str(tmp_path / "w.pt"), small_disk / "w.safetensors")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_each_error_of_a_disk_names_file_and_size(tmp_path, monkeypatch, number):
    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(WriteError, match=says("w.safetensors", os.strerror(number), "4,000 bytes")):
        write_safetensors(tmp_path / "w.safetensors", {"a": torch.ones(1000)}, {})
    assert list(tmp_path.iterdir()) == []
