"""Big tables and their texts, taken apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrv_core.datasets import parts
from xrv_core.datasets.tables.text_split import coded_parts, select_rows

STORAGE = [pd.StringDtype(storage, na_value=np.nan) for storage in ("pyarrow", "python")]
TEXTS = st.lists(st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=2, max_size=2).map("/".join), min_size=1)


@pytest.mark.parametrize("dtype", STORAGE, ids=["pyarrow", "python"])
@given(texts=TEXTS)
def test_parts_are_what_split_gives(dtype: Any, texts: list[str]) -> None:
    found = coded_parts(pd.Series(texts, dtype=dtype), "/")
    assert found is not None
    codes, names = found
    assert [[names[i] for i in row] for row in codes.tolist()] == [text.split("/") for text in texts]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("dtype", STORAGE, ids=["pyarrow", "python"])
@pytest.mark.parametrize("texts", [["a/b", "a"], ["a", None], []])
def test_texts_of_different_depth_have_no_parts_in_common(dtype: Any, texts: list[Any]) -> None:
    assert coded_parts(pd.Series(texts, dtype=dtype), "/") is None


def test_a_part_of_a_column_is_split_alone() -> None:
    whole = pd.Series(["x", "a/b", "c/d", "y"], dtype=STORAGE[0])
    codes, names = coded_parts(whole.iloc[1:3], "/") or (None, None)
    assert names == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(codes, [[0, 1], [2, 3]])


def test_without_pyarrow_all_is_done_by_pandas(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from pathlib import Path
from xrv_core.datasets.tables.arrowcsv import read_with_arrow
from xrv_core.datasets.tables.text_split import coded_parts, select_rows
texts = pd.Series(["a/b", "c/b"], dtype="str")
print(texts.dtype.storage, coded_parts(texts, "/")[0].tolist())
print(select_rows(texts.to_frame("t"), texts == "c/b")["t"].tolist(), read_with_arrow(Path(sys.argv[1]), ()))
"""
    path = tmp_path / "big.csv"
    path.write_bytes(b"a\n" + b"x\n" * 3_000_000)
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "python [[0, 1], [2, 1]]\n['c/b'] None\n"


@settings(max_examples=60)
@given(keep=st.lists(st.booleans(), min_size=1, max_size=12), runs=st.sampled_from([0, 200]), twice=st.booleans())
def test_rows_are_those_that_pandas_selects(keep: list[bool], runs: int, twice: bool) -> None:
    table = pd.DataFrame({"text": [f"t{i}" if i % 3 else None for i in range(len(keep))], "n": range(len(keep))})
    table["whole"] = pd.Series([i if i % 2 else pd.NA for i in range(len(keep))], dtype="Int64")
    table = table.astype({"text": STORAGE[0]})
    table["old"] = table["text"].astype(STORAGE[1])
    mask = pd.Series(keep)
    if twice:  # texts in several pieces
        table = pd.concat([table, table], ignore_index=True)
        mask = pd.concat([mask, ~mask], ignore_index=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_RUNS", runs)
        found = select_rows(table, mask)
    pd.testing.assert_frame_equal(found, table[mask].reset_index(drop=True), check_exact=True)
