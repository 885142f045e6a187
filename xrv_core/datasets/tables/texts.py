"""Texts that pandas keeps in Arrow, and columns of them that are read when somebody looks at them.

A big table can be mostly texts that no row and no label depends on, such as reports. Such a column is an array of texts
like any other, of pandas' own class as soon as a value of it is needed; until then it only knows where its values are.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import PathMissing, TableError

__all__ = ["LateTexts", "Later", "Where", "in_arrow", "is_late", "read_now", "text_dtype"]

_Texts: Any = pd.arrays.ArrowStringArray


def text_dtype() -> Any:
    """The dtype of texts that pandas keeps in Arrow."""
    return pd.StringDtype("pyarrow", na_value=np.nan)


def in_arrow(dtype: Any) -> bool:
    """Whether texts of this dtype are kept in Arrow; False where there is no pyarrow."""
    return isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow" and dtype == text_dtype()


def is_late(values: Any) -> bool:
    """Whether the values of an array are still to be read."""
    return type(values) is LateTexts


def read_now(table: pd.DataFrame) -> None:
    """Read what is still to be read of a table."""
    for name in table.columns:
        if is_late(texts := table[name].array):
            texts.__arrow_array__()


class Later:
    """Columns of texts of a CSV file that were left out when it was read; ``at`` gives the same object for the same.

    Attributes:
        path: The file.
        sha256: Of its bytes, when the others were read.
        rows: How many it has.
        names: The columns that were left out.
    """

    _known: ClassVar[weakref.WeakValueDictionary[tuple[Any, ...], Later]] = weakref.WeakValueDictionary()

    def __init__(self, path: str, sha256: str, rows: int, names: tuple[str, ...]) -> None:
        self.path, self.sha256, self.rows, self.names = path, sha256, rows, names
        self._columns: dict[str, Any] | None = None

    @classmethod
    def at(cls, path: str, sha256: str, rows: int, names: tuple[str, ...]) -> Later:
        told = (path, sha256, rows, names)
        return cls._known.get(told) or cls._known.setdefault(told, cls(*told))

    def column(self, name: str) -> Any:
        """The values in Arrow. Who asks for one column will ask for others, so that all are read.

        Raises:
            PathMissing: The file is not there any more.
            TableError: It is another file, or cannot be read.
        """
        if self._columns is None:
            self._columns = self._read()
        return self._columns[name]

    def _read(self) -> dict[str, Any]:
        from xrv_core.assets import content_sha256
        from xrv_core.datasets.tables.arrowcsv import read_texts
        from xrv_core.datasets.tables.cache import index_file
        from xrv_core.datasets.tables.indexes import Index

        path = Path(self.path)
        late = f"its columns {', '.join(map(repr, self.names))} are read when they are looked at"
        if not path.is_file():
            raise PathMissing(f"{path}: no such file any more; {late}. Put it back, or open the dataset anew.")
        if content_sha256(path) != self.sha256:
            raise TableError(f"{path}: was changed after it was opened; {late}. Open the dataset anew.")
        file = index_file({"texts": self.names}, (Later,), path)
        kept = None if file is None else file.read()
        table = read_texts(path, self.names) if kept is None else kept.csv
        if len(table) != self.rows:
            raise TableError(f"{path}: was changed while it was read; {late}. Open the dataset anew.")
        if file is not None and kept is None:
            file.write(Index(table, np.zeros((self.rows, 1), np.float32), None, {}))
        return {name: table[name].array.__arrow_array__() for name in self.names}


class Where(NamedTuple):
    """Where the values of a column are.

    Attributes:
        later: The columns of the file.
        name: The column.
        rows: Positions of its rows in the file; None for all of them.
    """

    later: Later
    name: str
    rows: NDArray[np.intp] | None = None

    def size(self) -> int:
        return self.later.rows if self.rows is None else len(self.rows)

    def values(self) -> Any:
        column = self.later.column(self.name)
        return column if self.rows is None else column.take(self.rows)


class LateTexts(_Texts):  # type: ignore[misc]
    """Texts that were not read yet; made by ``of``.

    pandas keeps the texts of an array in ``_pa_array``. These have none until it is asked for; from then on they are
    an ArrowStringArray like any other, and so is all that is made of their values.
    """

    _where: Where
    _readonly = False  # as of every array of pandas

    @classmethod
    def of(cls, where: Where) -> LateTexts:
        made: LateTexts = cls.__new__(cls)
        made._dtype, made._cache, made._where = text_dtype(), {}, where
        return made

    def __getattr__(self, name: str) -> Any:
        if name != "_pa_array":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if (where := self.where) is not None:
            self._pa_array = where.values()
            self.__class__ = _Texts
            self.__dict__.pop("_where", None)
        return vars(self)["_pa_array"]

    @property
    def where(self) -> Where | None:
        """Where the values are; None as soon as they were read, be it by another thread."""
        return vars(self).get("_where")

    def __len__(self) -> int:
        return _Texts.__len__(self) if (where := self.where) is None else where.size()

    @property
    def nbytes(self) -> int:
        rows = None if (where := self.where) is None else where.rows
        return 0 if rows is None else rows.nbytes

    def copy(self) -> Any:
        return _Texts.copy(self) if (where := self.where) is None else self.of(where)

    def view(self, dtype: Any = None) -> Any:
        if dtype is not None:
            return _Texts.view(self, dtype)
        made = self.copy()
        made._readonly = self._readonly
        return made

    def take(self, indices: Any, allow_fill: bool = False, fill_value: Any = None) -> Any:
        at, where = np.asarray(indices), self.where
        plain = at.dtype.kind == "i" and at.size and at.min() >= 0
        if where is None or not plain or at.max() >= where.size():
            return _Texts.take(self, indices, allow_fill=allow_fill, fill_value=fill_value)
        at = at.astype(np.intp, copy=False)
        return self.of(where._replace(rows=at if where.rows is None else where.rows[at]))

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, slice):
            return self.take(np.arange(len(self))[item])
        if isinstance(item, np.ndarray) and item.dtype == bool and item.shape == (len(self),):
            return self.take(np.flatnonzero(item))
        return _Texts.__getitem__(self, item)

    def __reduce_ex__(self, protocol: Any) -> Any:
        assert self._pa_array is not None  # whoever gets the pickle may not have the file
        return _Texts.__reduce_ex__(self, protocol)
