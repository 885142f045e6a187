"""The file helpers that every room shares: a file is replaced as a whole, and hashed; the room is cheap to import."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xrv_core.assets import replacing, sha256_of


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("old")
    with replacing(path) as new:
        new.write_text("new")
        assert (path.read_text(), new.parent.parent, new.name) == ("old", tmp_path, "f.txt")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("written", [True, False])
def test_an_error_leaves_the_old_file_and_no_scraps(tmp_path: Path, written: bool) -> None:
    path = tmp_path / "f.txt"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as new:
            if written:
                new.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "f.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as new:
        new.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_threads_that_write_the_same_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"

    def write(number: int) -> None:
        with replacing(path) as new, new.open("wb") as file:
            for _ in range(50):
                file.write(bytes([number]) * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(32)))
    assert (len(path.read_bytes()), len(set(path.read_bytes()))) == (50_000, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_the_sha256_of_a_file_and_of_a_stream(tmp_path: Path) -> None:
    body = b"chest x-ray" * 100_000
    (tmp_path / "f.bin").write_bytes(body)
    assert sha256_of(tmp_path / "f.bin") == sha256_of(io.BytesIO(body)) == hashlib.sha256(body).hexdigest()
    with (tmp_path / "f.bin").open("rb") as stream:
        stream.seek(5)
        assert sha256_of(stream) == hashlib.sha256(body[5:]).hexdigest()
        assert not stream.closed


def test_the_room_is_cheap_to_import() -> None:
    heavy = ("requests", "filelock", "tqdm", "numpy", "http.client", "ssl", "platformdirs")
    code = f"import sys, xrv_core.assets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
