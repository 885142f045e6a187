"""``Dataset``: the base of all datasets here, and of classes of the caller."""

from __future__ import annotations

import pprint
from pathlib import Path
from typing import Any, ClassVar

from xrv_compat.old import listed
from xrv_compat.utils import in_notebook
from xrv_core.datasets import Labelled
from xrv_core.errors import ArgumentError, PathMissing

__all__ = ["Dataset", "check_rows"]


class Dataset(Labelled):
    """Base of datasets, with torchxrayvision's helpers for own classes.

    A subclass sets ``pathologies``, ``labels`` and ``csv``, and defines ``__getitem__``.

    Attributes:
        views: The requested views.
    """

    rows_are_fixed = False  # callers assign csv and labels; see Registered
    views: Any = None
    #: Attributes that are printed beside the number of items.
    shows: ClassVar[tuple[str, ...]] = ()
    _repr_html_: Any = None  # notebooks show the same as for torchxrayvision

    def string(self) -> str:
        """One line, or a tree of lines: class, number of items, options."""
        shown = "".join(f" {name}={getattr(self, name, None)}" for name in self.shows)
        return f"{type(self).__name__} num_samples={len(self)}{shown}"

    def summary(self) -> str:
        """The text that wrappers of the core print for it."""
        return self.string().rstrip("\n")

    def __repr__(self) -> str:
        if in_notebook():
            pprint.pprint(self.totals())  # noqa: T203
        return self.string()

    __str__ = __repr__

    def check_paths_exist(self) -> None:
        """Raise PathMissing unless ``imgpath`` is a folder and ``csvpath`` a file."""
        if not Path(self.imgpath).is_dir():
            raise PathMissing(f"imgpath must be a directory, but {str(self.imgpath)!r} is not.")
        if not Path(self.csvpath).is_file():
            raise PathMissing(f"csvpath must be a file, but {str(self.csvpath)!r} is not.")

    def limit_to_selected_views(self, views: Any) -> None:
        """Keep the rows of ``csv`` whose ``view`` is in ``views``; ``"*"`` keeps all."""
        self.views = listed(views)
        self.csv["view"] = self.csv["view"].fillna("UNKNOWN")
        if self.views != ["*"]:
            self.csv = self.csv[self.csv["view"].isin(self.views)]


def check_rows(*datasets: Any) -> None:
    """Raise ArgumentError if ``csv`` and ``labels`` of one have another number of rows."""
    for dataset in datasets:
        if hasattr(dataset, "csv") and len(dataset.csv) != len(dataset.labels):
            raise ArgumentError(
                f"csv has {len(dataset.csv)} rows and labels has {len(dataset.labels)}: row i of both belongs to item "
                "i. Select them together, such as dataset.csv = dataset.csv.iloc[keep]; dataset.labels = "
                "dataset.labels[keep]."
            )
