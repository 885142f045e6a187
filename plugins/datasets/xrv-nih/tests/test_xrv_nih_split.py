"""The official test list of NIH."""

from __future__ import annotations

from pathlib import Path

import pytest
from messages import says

import xrv_core
from xrv_core.datasets import official_split
from xrv_core.errors import PathMissing, TableError


def test_the_test_list_gives_the_official_split(tmp_path: Path) -> None:
    paths = xrv_core.miniature("nih", tmp_path)
    plain = xrv_core.get_dataset("nih", **paths)
    assert "split" not in plain.csv
    names = plain.csv["Image Index"].tolist()
    (tmp_path / "test_list.txt").write_text("\n".join([*names[:3], "00030805_000.png", ""]))
    parts = official_split(xrv_core.get_dataset("nih", **paths, test_list=tmp_path / "test_list.txt"))
    assert parts["test"].csv["Image Index"].tolist() == names[:3]
    assert parts["train_val"].csv["Image Index"].tolist() == names[3:]


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, PathMissing, ("no such file", "test_list.txt of 'nih'")),
        (b"\xff\xfe\x00", TableError, ("not a text file", "test_list.txt of 'nih'")),
        (b"a.png\nImage Index\n", TableError, ("line 2", "'Image'", "PNG", "'00000003_000.png'")),
        (b"99999999_000.png\n", TableError, ("no image", "Data_Entry_2017_v2020.csv", "test_list.txt")),
    ],
)
def test_lists_that_cannot_be_used(
    tmp_path: Path, content: bytes | None, error: type[Exception], words: tuple[str, ...]
) -> None:
    paths = xrv_core.miniature("nih", tmp_path)
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(error, match=says(file, *words)):
        xrv_core.get_dataset("nih", **paths, test_list=file)
