"""Rows that are longer than the header: blank cells are left out, row numbers too, and a value is an error."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrv_core.datasets import read_table
from xrv_core.datasets.tables import csvfiles
from xrv_core.errors import TableError

CELL = st.sampled_from(["", "1", "007", "NA", "a", "x,y", 'say "a"', "two\nlines", " ", "é", "1.5", "None"])
TAIL = st.lists(st.sampled_from(["", "", " ", "surplus", "0"]), max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Names, rows whose first cell is no number, and what follows each row."""
    width = draw(st.integers(1, 4))
    cells = st.tuples(st.just("r"), *[CELL] * (width - 1)).map(list)
    rows = draw(st.lists(st.tuples(cells, TAIL if draw(st.booleans()) else st.just([])), min_size=1, max_size=6))
    first = draw(st.sampled_from(["c0", ""])) if width > 1 else "c0"
    return [first, *(f"c{i}" for i in range(1, width))], *map(list, zip(*rows, strict=True))


@settings(max_examples=50, deadline=None)
@given(table=tables(), style=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), end=st.sampled_from(["\n", "\r\n"]))
def test_random_tables_with_random_tails(
    table: tuple[list[str], list[list[str]], list[list[str]]],
    style: int,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    names, rows, tails = table
    file, lines = io.StringIO(newline=""), []
    writer = csv.writer(file, quoting=style, lineterminator=end)
    writer.writerow(names)
    for row, tail in zip(rows, tails, strict=True):
        lines.append(file.getvalue().count("\n") + 1)
        writer.writerow([*row, *tail])
    path = tmp_path_factory.mktemp("tails") / "t.csv"
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    read = [name or "Unnamed: 0" for name in names]
    wrong = [line for line, tail in zip(lines, tails, strict=True) if "".join(tail).strip()]
    for small in (csvfiles._SMALL, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csvfiles, "_SMALL", small)
            if wrong:
                with pytest.raises(TableError, match=f"t.csv, line {wrong[0]}:"):
                    read_table(path, text=read, owner="toy")
                continue
            found = read_table(path, text=read, owner="toy")
        expected = pd.DataFrame([[cell or None for cell in row] for row in rows], columns=read, dtype="str")
        pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("numbers", [[1, 2, 3], [0, 1, 2], [3, 17, 20], [2, 3, 1]])
@pytest.mark.parametrize("quote", ["", '"'])
def test_row_numbers_that_the_header_does_not_name(tmp_path: Path, numbers: list[int], quote: str) -> None:
    path = tmp_path / "t.csv"
    cells = ["00a,1.5", "00b,NA", "00c,2.5"]
    lines = [f"{quote}{number}{quote},{row}" for number, row in zip(numbers, cells, strict=True)]
    path.write_text("id,share\n" + "\n".join(lines) + "\n")
    found = read_table(path, text=["id"], owner="toy")
    expected = pd.DataFrame({"id": pd.Series(["00a", "00b", "00c"], dtype="str"), "share": [1.5, None, 2.5]})
    pd.testing.assert_frame_equal(found, expected, check_index_type="exact")


@pytest.mark.parametrize(
    "rows",
    [
        ["a.png,1,x", "b.png,0,x"],  # the first column is no number
        ["7,1,x", "7,0,x"],  # or the same
        ["9,1,x", "4,0,x"],  # or in no order
        ["1,1,x,y", "2,0,x,y"],  # two values too many
        ["1,1,x", "2,0"],  # one of them only
        ["5,1,x", "7,0,"],  # one of them is blank, and those are identifiers
        ["01,1,x", "02,0,x"],  # so are those
    ],
)
def test_a_value_too_many_is_no_row_number(tmp_path: Path, rows: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n\nid,label\n" + "\n".join(rows) + "\n")
    with pytest.raises(TableError, match=r"t\.csv, line 4: the row has \d values, but the header has 2 names.*'x'"):
        read_table(path, text=["id"], owner="toy")


def test_row_numbers_that_the_header_names_are_no_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",id\n0,a,x\n1,b,x\n")
    with pytest.raises(TableError, match="line 2"):
        read_table(path, owner="toy")


def test_other_delimiters_and_rows_above_the_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a title\nid;n\n01;1;\n02;2;;\n")
    options = {"sep": ";", "skiprows": 1}
    assert read_table(path, text=["id"], owner="toy", **options).to_dict("list") == {"id": ["01", "02"], "n": [1, 2]}
    path.write_text("a title\nid;n\n01;1;\n02;2;x\n")
    with pytest.raises(TableError, match="line 4"):
        read_table(path, owner="toy", **options)
