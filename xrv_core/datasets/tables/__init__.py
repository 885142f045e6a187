"""From a metadata table to typed columns and labels: reading, text, days, terms, the table cache."""

from __future__ import annotations

from xrv_core.datasets.tables.cache import cached_index
from xrv_core.datasets.tables.cells import age_in_years, row_place
from xrv_core.datasets.tables.days import dates_in, days_from_first, whole_days
from xrv_core.datasets.tables.duplicates import NO_REPEATS, ON_DUPLICATES, distinct_index, distinct_rows
from xrv_core.datasets.tables.frames import BLANK_WORDS, table_path
from xrv_core.datasets.tables.gunzip import open_gzip
from xrv_core.datasets.tables.index import Index
from xrv_core.datasets.tables.labels import LABEL_POLICIES, ListedTerms, substring_labels, term_labels
from xrv_core.datasets.tables.reading import (
    COMMON_COLUMNS,
    common_columns,
    joined,
    numbers_in,
    read_table,
    require_columns,
)
from xrv_core.datasets.tables.rows import RowFile, csv_line
from xrv_core.datasets.tables.spreadsheets import raw_cell, safe_cell, write_csv
from xrv_core.datasets.tables.text_split import coded_lists

__all__ = [
    "BLANK_WORDS",
    "COMMON_COLUMNS",
    "NO_REPEATS",
    "LABEL_POLICIES",
    "ON_DUPLICATES",
    "Index",
    "ListedTerms",
    "RowFile",
    "age_in_years",
    "cached_index",
    "coded_lists",
    "common_columns",
    "csv_line",
    "dates_in",
    "days_from_first",
    "distinct_index",
    "distinct_rows",
    "joined",
    "numbers_in",
    "open_gzip",
    "raw_cell",
    "read_table",
    "require_columns",
    "row_place",
    "safe_cell",
    "substring_labels",
    "table_path",
    "term_labels",
    "whole_days",
    "write_csv",
]
