"""Identity and labels of the rows of a features table, made before any image is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.errors import ArgumentError, suggestion

__all__ = ["LABEL", "dataset_name", "items_table"]

LABEL = "label:"

_ALWAYS = ("source_uid", "patientid", "view")
_WHERE_THERE = ("sex", "age_years", "source", "source_name", "site")
_TAKEN = re.compile(r"idx|label:.*|f\d+", re.DOTALL)


def items_table(dataset: Any, columns: Iterable[str] = ()) -> pd.DataFrame:
    """One row per item: its identity and its labels.

    Args:
        dataset: Follows the ``Dataset`` protocol.
        columns: More columns of ``dataset.csv``.

    Returns:
        ``idx``, ``source_uid``, ``patientid``, ``view``; ``sex``, ``age_years``, ``source``, ``source_name`` and
        ``site`` where the dataset has them; ``columns``; and ``label:NAME`` (float32: 1, 0, NaN or a score).

    Raises:
        ArgumentError: A column is missing or its name is taken, or two labels have one name.
    """
    csv = dataset.csv
    twice = sorted({name for name in dataset.pathologies if list(dataset.pathologies).count(name) > 1})
    if twice:
        raise ArgumentError(
            f"The dataset's pathologies contain {twice[0]!r} more than once, but each needs a column of its own."
        )
    wanted = [*_ALWAYS, *(name for name in _WHERE_THERE if name in csv.columns)]
    wanted += [name for name in _checked(csv, columns) if name not in wanted]
    table: dict[str, Any] = {"idx": np.arange(len(dataset))}
    table |= {name: _plain(csv[name].reset_index(drop=True)) for name in wanted}
    labels = np.asarray(dataset.labels, dtype=np.float32)
    table |= {f"{LABEL}{name}": labels[:, i] for i, name in enumerate(dataset.pathologies)}
    return pd.DataFrame(table)


def dataset_name(items: pd.DataFrame, name: str) -> str:
    """The name of the data: ``name``, or the names of the merged datasets."""
    if "source_name" not in items.columns:
        return name
    number = "source" if "source" in items.columns else "site" if "site" in items.columns else "source_name"
    first = items.drop_duplicates(number).sort_values(number)
    return " + ".join(str(each) for each in first["source_name"])


def _checked(csv: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    if isinstance(columns, str):
        raise ArgumentError(f"columns must be a list of names, got the text {columns!r}: write [{columns!r}].")
    there = [str(column) for column in csv.columns]
    for name in (columns := list(columns)):
        if name not in there:
            raise ArgumentError(
                f"columns: dataset.csv has no column {name!r}.{suggestion(name, there, most=1)} "
                f"Columns: {', '.join(there)}."
            )
        if _TAKEN.fullmatch(name):
            raise ArgumentError(
                f"columns: {name!r} is the name of another column of this table; rename it in dataset.csv first."
            )
    return columns


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and booleans unchanged, all else as text: a Parquet column has one type."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.astype("string")
