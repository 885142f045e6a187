"""The features table, in memory or in a Parquet file that is written row group by row group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, PathMissing, printable
from xrv_features.options import FEATURES, RECORD

__all__ = ["FEATURES", "MAX_COLUMNS", "RECORD", "Features", "MemoryRows", "ParquetRows", "load_features"]

#: A Parquet file of more columns takes minutes to write and to open.
MAX_COLUMNS = 16_384
#: Bytes of features in a row group.
ROW_GROUP = 32 << 20


@dataclass(frozen=True, repr=False)
class Features:
    """A model's features of a dataset. Not for medical use.

    Attributes:
        items: One row per item, in the dataset's order: ``idx``, ``source_uid``, ``patientid``, ``view``, ``sex``,
            ``age_years``, ``source`` and ``site`` where the dataset has them, ``label:NAME`` (1 / 0 / NaN).
        dimension: D, the length of a feature vector.
        run: The record of the run, as in ``features.json``: arguments, weights, data and versions.
        held: The features, or the Parquet file that holds them.
    """

    items: pd.DataFrame
    dimension: int
    run: dict[str, Any]
    held: NDArray[np.float32] | Path

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """float32 ``[N, D]``; read from the file at first use."""
        if isinstance(self.held, np.ndarray):
            return self.held
        return _read_values(self.held, len(self.items), self.dimension)

    @property
    def path(self) -> Path | None:
        """The Parquet file, None where nothing was written."""
        return self.held if isinstance(self.held, Path) else None

    def frame(self) -> pd.DataFrame:
        """``items`` with the features as further columns ``f0`` ... ``f(D-1)``."""
        features = pd.DataFrame(self.values, columns=feature_names(self.dimension), copy=False)
        return pd.concat([self.items, features], axis=1)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        model, data = self.run["model"]["name"], self.run["dataset"]["name"]
        place = f", in {self.path}" if self.path else ""
        return printable(f"<Features of {model} on {data}: {len(self):,} images x {self.dimension:,} features{place}>")


def load_features(folder: str | Path) -> Features:
    """Open a result of ``extract_features`` or ``xrv features``; the features are read when they are needed.

    Raises:
        PathMissing: ``folder`` holds no such result.
    """
    import pyarrow.parquet as pq

    path = Path(folder).expanduser().absolute()
    for name in (FEATURES, RECORD):
        if not (path / name).is_file():
            raise PathMissing(f"{path / name}: no such file. Give the folder that `xrv features --out` wrote.")
    run = json.loads((path / RECORD).read_text(encoding="utf-8"))
    dimension = int(run["features"]["dimension"])
    features = set(feature_names(dimension))
    with (path / FEATURES).open("rb") as file:  # pyarrow takes no path that is not UTF-8
        names = [name for name in pq.read_schema(file).names if name not in features]
        items = pd.read_parquet(file, engine="pyarrow", columns=names)
    return Features(items, dimension, run, path / FEATURES)


def feature_names(dimension: int) -> list[str]:
    """``f0`` ... ``f(D-1)``."""
    return [f"f{i}" for i in range(dimension)]


class MemoryRows:
    """Takes features batch by batch into one array."""

    def __init__(self, items: int) -> None:
        self._items, self._filled = items, 0
        self.held: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)

    def add(self, block: NDArray[np.float32]) -> None:
        """The next rows ``[B, D]``."""
        if not self._filled:
            self.held = np.empty((self._items, block.shape[1]), dtype=np.float32)
        self.held[self._filled : self._filled + len(block)] = block
        self._filled += len(block)

    def __enter__(self) -> MemoryRows:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ParquetRows:
    """Takes features batch by batch into a file; no more than a row group is in memory.

    Args:
        path: The file.
        items: The other columns, for all rows.
        row_group: Its size in bytes of features.
    """

    def __init__(self, path: Path, items: pd.DataFrame, row_group: int = ROW_GROUP) -> None:
        import pyarrow as pa

        self.held = path
        self._items = pa.Table.from_pandas(items, preserve_index=False).replace_schema_metadata(None)
        self._row_group = row_group
        self._waiting: list[NDArray[np.float32]] = []
        self._written = 0
        self._writer: Any = None

    def add(self, block: NDArray[np.float32]) -> None:
        """The next rows ``[B, D]``."""
        if self._writer is None:
            self._open(block.shape[1])
        self._waiting.append(block)
        if sum(each.nbytes for each in self._waiting) >= self._row_group:
            self._flush()

    def _open(self, dimension: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if dimension > MAX_COLUMNS:
            raise ArgumentError(
                f"One image has {dimension:,} features, but a Parquet file of more than {MAX_COLUMNS:,} columns is too "
                'slow. Average over positions with pool="mean" (--pool mean), or keep them in memory with out=None.'
            )
        fields = [*self._items.schema, *(pa.field(name, pa.float32()) for name in feature_names(dimension))]
        texts = [field.name for field in self._items.schema if not pa.types.is_floating(field.type)]
        self._file = self.held.open("wb")  # pyarrow takes no path that is not UTF-8
        self._writer = pq.ParquetWriter(self._file, pa.schema(fields), compression="zstd", use_dictionary=texts)

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        block = np.asfortranarray(np.concatenate(self._waiting))  # a column is then contiguous
        self._waiting.clear()
        rows = self._items.slice(self._written, len(block))
        columns = [*rows.columns, *(pa.array(block[:, i]) for i in range(block.shape[1]))]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema), row_group_size=len(block))
        self._written += len(block)

    def __enter__(self) -> ParquetRows:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._writer is not None:
            if kind is None:
                self._flush()
            self._writer.close()
            self._file.close()


def _read_values(path: Path, items: int, dimension: int) -> NDArray[np.float32]:
    """One array, filled row group by row group: no second copy of the whole."""
    import pyarrow.parquet as pq

    names: Sequence[str] = feature_names(dimension)
    values = np.empty((items, dimension), dtype=np.float32)
    start = 0
    with path.open("rb") as stream, pq.ParquetFile(stream) as file:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, columns=names)
            for i, column in enumerate(group.columns):
                values[start : start + len(column), i] = column.to_numpy()
            start += group.num_rows
    return values
