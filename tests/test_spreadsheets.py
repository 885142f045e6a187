"""Cells of CSV files that people open in a spreadsheet: no text of a file is run as a formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xrv_core.datasets import raw_cell, safe_cell, write_csv

FORMULAS = (
    *("=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1", "''=1"),
    *('" =1"', "\ufeff=1", "\u200b@x", "\uff1d1+1", "\uff0b1", "\uff0d1+1", "\uff20x", "-", "--5", "+-1", "\x00=1"),
)
PLAIN = ("", "a", "a=1", "a-b.png", "-0.5", "+1", "-1e-5", "-.5", "1", "'", "''", "'a", "00000013_000.png", "é", "#1")


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == "'" + text
    assert raw_cell(safe_cell(text)) == text


@pytest.mark.parametrize("cell", [*PLAIN, -0.5, 3, None, True])
def test_other_cells_stay(cell: object) -> None:
    assert safe_cell(cell) is cell
    if isinstance(cell, str):
        assert raw_cell(cell) == cell


def test_a_table_keeps_its_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"=a": ["=1", None, "b"], "x": np.float32([-0.1, 2, np.nan]), "n": [-1, 2, 3]})
    write_csv(table, tmp_path / "safe.csv")
    assert (tmp_path / "safe.csv").read_text() == "'=a,x,n\n'=1,-0.1,-1\n,2.0,2\nb,,3\n"
    write_csv(table, tmp_path / "raw.csv", raw=True)
    assert (tmp_path / "raw.csv").read_text() == "=a,x,n\n=1,-0.1,-1\n,2.0,2\nb,,3\n"
