"""Texts that hold several terms are split as Python splits them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrv_core.datasets import coded_lists

STORAGE = [pd.StringDtype(storage, na_value=np.nan) for storage in ("pyarrow", "python")]
PARTS = st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("kind", STORAGE, ids=["pyarrow", "python"])
@given(texts=st.lists(PARTS))
def test_lists_are_what_split_gives(kind: Any, texts: list[str]) -> None:
    rows, codes, names = coded_lists(pd.Series(texts, dtype=kind, index=[7] * len(texts)), "/")
    expected = [(row, part) for row, text in enumerate(texts) for part in text.split("/")]
    assert list(zip(rows.tolist(), [names[code] for code in codes], strict=True)) == expected
    assert len(set(names)) == len(names)
