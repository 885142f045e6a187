"""Paths of CheXpert, many at once: what a look at each of them tells."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrv_chexpert.paths import PATH, split_paths

PARTS = (
    st.sampled_from(["a/train", "a/train", "a/b/val", "test", "a/patient1/x", "", "/a", "a\n"]),
    st.sampled_from(["patient00001", "patient2", "patient00001", "patient", "Patient1"]),
    st.sampled_from(["study1", "study12", "study1", "study"]),
    st.sampled_from(["view1_frontal.jpg", "view2_lateral.jpg", "view1_frontal.png", "view1_frontal.jpg/x"]),
)


def one_by_one(paths: list[str]) -> list[tuple[Any, ...]] | None:
    if not all(re.fullmatch(PATH, path, re.ASCII) for path in paths):
        return None
    rows = []
    for path in paths:
        top, patient, study, file = path.rsplit("/", 3)
        uid = f"chexpert:{patient}_{study}_{file.removesuffix('.jpg')}"
        rows.append((top.rpartition("/")[2], uid, patient[7:], int(study[5:]), file.endswith("lateral.jpg")))
    return rows


@settings(max_examples=300)
@given(paths=st.lists(st.tuples(*PARTS).map("/".join), min_size=1, max_size=5))
def test_any_paths(paths: list[str]) -> None:
    check(paths)


@given(
    paths=st.lists(
        st.tuples(
            st.sampled_from(["a/train", "a/b/val", "test", "a/patient1/x"]),
            *(st.sampled_from(good) for good in (["patient00001", "patient2"], ["study1", "study12"])),
            st.sampled_from(["view1_frontal.jpg", "view2_lateral.jpg"]),
        ).map("/".join),
        min_size=1,
        max_size=5,
    )
)
def test_good_paths(paths: list[str]) -> None:
    check(paths)
    found = split_paths(pd.Series(paths, dtype="str"))
    assert found is not None
    swapped = (found.of_top(lambda top: f"<{top}>") + found.tails).tolist()
    assert swapped == ["<{}>{}/{}/{}".format(*path.rsplit("/", 3)) for path in paths]


@pytest.mark.parametrize("paths", [["a/patient1/study1/view1_frontal.jpg", None], [None]])
def test_a_blank_is_no_path(paths: list[Any]) -> None:
    assert split_paths(pd.Series(paths, dtype="str")) is None


def check(paths: list[str]) -> None:
    found = split_paths(pd.Series(paths, dtype="str"))
    expected = one_by_one(paths)
    assert (found is None) == (expected is None)
    if found is not None:
        folder = found.of_top(lambda top: top.rpartition("/")[2])
        rows = zip(folder, found.uid, found.patient, found.study, found.lateral.tolist(), strict=True)
        assert list(rows) == expected
        assert found.study.dtype == np.int64
