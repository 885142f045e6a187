"""Texts that are split and mapped give what pandas and Python give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrv_core.datasets import coded_lists, coded_parts, mapped, select_rows, without_end

STORAGE = [pd.StringDtype(storage, na_value=np.nan) for storage in ("pyarrow", "python")]
PARTS = st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=1, max_size=3).map("/".join)
EVEN = st.lists(st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=2, max_size=2).map("/".join), min_size=1)


@pytest.fixture(params=STORAGE, ids=["pyarrow", "python"])
def dtype(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("kind", STORAGE, ids=["pyarrow", "python"])
@given(texts=st.lists(PARTS))
def test_lists_are_what_split_gives(kind: Any, texts: list[str]) -> None:
    rows, codes, names = coded_lists(pd.Series(texts, dtype=kind, index=[7] * len(texts)), "/")
    expected = [(row, part) for row, text in enumerate(texts) for part in text.split("/")]
    assert list(zip(rows.tolist(), [names[code] for code in codes], strict=True)) == expected
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", STORAGE, ids=["pyarrow", "python"])
@given(texts=EVEN)
def test_parts_are_what_split_gives(kind: Any, texts: list[str]) -> None:
    codes, names = coded_parts(pd.Series(texts, dtype=kind), "/") or (None, None)
    assert [[names[i] for i in row] for row in codes.tolist()] == [text.split("/") for text in texts]


@pytest.mark.parametrize("texts", [["a/b", "a"], ["a", None], []])
def test_texts_with_different_numbers_of_parts_have_no_table(dtype: Any, texts: list[Any]) -> None:
    assert coded_parts(pd.Series(texts, dtype=dtype), "/") is None


def test_texts_are_mapped(dtype: Any) -> None:
    texts = pd.Series(["a", None, "b", "a"], dtype=dtype)
    assert mapped(texts, {"a": "A"}).fillna("?").tolist() == ["A", "?", "?", "A"]
    assert mapped(texts, {"a": "A"}, others=True).fillna("?").tolist() == ["A", "?", "b", "A"]
    assert isinstance(mapped(texts, {}).dtype, pd.StringDtype)
    assert without_end(pd.Series(["a.png", "b"], dtype=dtype), ".png").tolist() == ["a", "b"]


@given(keep=st.lists(st.booleans(), min_size=1, max_size=12))
def test_rows_are_selected_and_numbered_anew(keep: list[bool]) -> None:
    table = pd.DataFrame({"text": [f"t{i}" if i % 3 else None for i in range(len(keep))], "n": range(len(keep))})
    found = select_rows(table, pd.Series(keep))
    pd.testing.assert_frame_equal(found, table[keep].reset_index(drop=True), check_exact=True)
