"""Datasets made of image files and a metadata table: what most plugins subclass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base.dataset import XrayDataset
from xrv_core.datasets.pixels import PixelRecipe, decode_image
from xrv_core.datasets.sources import ImageSource
from xrv_core.datasets.tables import Index, check_label_policy, common_columns, index_file, read_table
from xrv_core.errors import ArgumentError, ImageMissing, TableError
from xrv_core.specs import Asset, DatasetSpec

__all__ = ["FileDataset"]

_log = logging.getLogger(__name__)

#: What may be done about rows whose image is not there.
ON_ERROR = ("raise", "skip", "defer")


class FileDataset(XrayDataset):
    """A dataset of image files.

    A subclass says what is particular to it, and nothing else:

    * ``needs`` / ``text``: columns its table must have, all that the methods below look at / that hold identifiers;
    * ``load_table(csvpath)``, where the table is no plain CSV file;
    * ``rows(table)``: the table with one row an image, in the official order (default: as it is);
    * ``image_names(table)``: path of each row's image below ``imgpath``, with forward slashes;
    * ``common(table)``: the values of the common columns that its source knows (``source_uid`` always);
    * ``label_matrix(table)``: float32 ``[N, P]`` for ``self.pathologies`` by ``self.label_policy``;
    * ``label_names(table)``, where the labels depend on the data (default: the spec's);
    * ``order(table)``, where the source tells in which order a patient's images were taken, but not the days;
    * masks, as in ``XrayDataset``.

    Args:
        spec: The dataset's spec.
        imgpath: Folder, .zip or .tar that holds the images. None opens labels and table only.
        csvpath: The metadata table; None fetches the hashed asset ``spec.tables[0]``.
        labels: "strict", or "torchxrayvision" for the labels of torchxrayvision 1.5.7.
        on_error: "raise" stops where rows name images that are not there; "skip" leaves such rows
            out (``skipped`` tells which); "defer" looks for an image when its item is asked for, not before.
        recipe: How pixels are read (DICOM look-up tables).
        **options: ``views``, ``unique_patients``, ``transform``, ``pathology_masks``,
            ``semantic_masks``: see ``XrayDataset``.

    Attributes:
        skipped: Names of the images that rows asked for and ``on_error="skip"`` left out.

    Raises:
        PathMissing, TableError, MissingColumns: The table cannot be used.
        ImagePathError: A row names an image outside ``imgpath``.
        ImageMissing: Rows name images that are not there.
        ArgumentError: An argument that cannot be used.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    text: ClassVar[tuple[str, ...]] = ()
    #: File names are unique in the whole collection: images may lie in any sub-folder of ``imgpath``.
    unique_file_names: ClassVar[bool] = False
    #: The index is kept in the cache (see tablecache.py). To be said by each class for itself, and only if all that
    #: its index depends on is ``csvpath`` (default: ``spec.tables[0]``), attributes that it sets before this class's
    #: ``__init__``, files that those name as a ``Path``, and its code. What else it finds out comes back, too, if it is
    #: an attribute that holds plain values, a ``Path``, an array of numbers, or a frame of numbers and texts.
    keeps_index: ClassVar[bool] = False

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        labels: str = "strict",
        on_error: str = "raise",
        recipe: PixelRecipe | None = None,
        **options: Any,
    ) -> None:
        if on_error not in ON_ERROR:
            raise ArgumentError(f"on_error={on_error!r} is not a policy. Choose one of: {', '.join(ON_ERROR)}.")
        self.spec = spec
        self.label_policy = check_label_policy(labels)
        self.recipe = recipe or PixelRecipe()
        self.skipped: list[str] = []
        root = None if imgpath is None else Path(imgpath).expanduser()
        self._source = None if root is None else ImageSource(root, by_name=self.unique_file_names)
        index = self._index(csvpath, on_error)
        super().__init__(
            spec, index.csv, index.labels, self.pathologies, label_policy=labels, order=index.order, **options
        )
        self._names = self.csv.pop("_image")

    @property
    def source(self) -> ImageSource | None:
        """The images; None without ``imgpath``."""
        self._looked = True
        return self._source

    # -- what a subclass says

    def load_table(self, csvpath: str | Path | None) -> pd.DataFrame:
        """The source table. A dataset whose table is no plain CSV file overrides this.

        It sets ``self.csvpath``, what messages call the source; ``self.source`` is open already.
        """
        asset = self.spec.tables[0] if self.spec.tables else None
        self.csvpath = self.table_path(csvpath, asset)
        expected = asset.name.rsplit("/", 1)[-1] if asset else ""
        return read_table(
            self.csvpath, needs=self.needs, text=self.text, owner=self.spec.name, expected=expected, later=True
        )

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows to keep, one an image."""
        return table

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        """Path of each row's image below ``imgpath``."""
        raise TypeError(f"{type(self).__name__} does not name its images: define image_names(table).")

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        """The common columns that the source knows."""
        raise TypeError(f"{type(self).__name__} does not fill the common columns: define common(table).")

    def order(self, table: pd.DataFrame) -> pd.Series[Any] | None:
        """Numbers that put a patient's images in time; None where the source tells days, or nothing."""
        return None

    def label_names(self, table: pd.DataFrame) -> Sequence[str]:
        """The labels, in column order."""
        return self.spec.pathologies

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """float32 ``[N, P]`` for ``self.pathologies``."""
        raise TypeError(f"{type(self).__name__} does not build its labels: define label_matrix(table).")

    # -- what is shared

    def pixels(self, row: int) -> NDArray[np.float32]:
        """Read and decode the image of row ``row``."""
        name = self.image_name(row)
        if self.source is None:
            raise ArgumentError(
                f"{self.spec.name!r} was opened without imgpath: it has labels but no images. "
                f"Pass imgpath=...; how to obtain the images: {self.spec.obtain}"
            )
        return decode_image(self.source.read(name), f"{self.source.root}/{name}", recipe=self.recipe)

    def image_name(self, row: int) -> str:
        """Path of the image of row ``row`` below ``imgpath``."""
        return str(self._names.iloc[row])

    def table_path(self, given: str | Path | None, asset: Asset | None) -> Path:
        """The user's own copy of a table, or the fetched asset."""
        if given is not None:
            return Path(given).expanduser()
        if asset is None:
            raise ArgumentError(
                f"{self.spec.name!r} has no public metadata table: pass csvpath=.... "
                f"How to obtain it: {self.spec.obtain}"
            )
        from xrv_core import fetch

        return fetch(asset)

    def _index(self, csvpath: str | Path | None, on_error: str) -> Index:
        """The index of all rows with an image, from the cache if it is there and no image is missing."""
        file, self._looked = None, False
        if vars(type(self)).get("keeps_index", False):
            state = {k: v for k, v in vars(self).items() if k not in ("_source", "_looked")}
            table = self.table_path(csvpath, self.spec.tables[0] if self.spec.tables else None)
            file = index_file({"attributes": state, "images": self._source is not None}, type(self).__mro__, table)
        index = None if file is None else file.read()
        if index is not None:
            vars(self).update(index.attributes)
            if len(self._rows_with_image(index.csv["_image"], on_error)) == len(index.csv):
                return index
        before = dict(vars(self))
        index, complete = self._build(csvpath, on_error)
        if file is not None and complete and not (self._looked and self._source):
            found = {k: v for k, v in vars(self).items() if k != "_looked" and before.get(k, self) is not v}
            file.write(index._replace(attributes=found))
        return index

    def _build(self, csvpath: str | Path | None, on_error: str) -> tuple[Index, bool]:
        """The index from the source, and whether no image is missing."""
        table = self._own_rows(self.load_table(csvpath))
        names = self._all_names(table)
        keep = self._rows_with_image(names, on_error)
        complete = len(keep) == len(table)
        if not complete:
            table, names = table.iloc[keep].reset_index(drop=True), names.iloc[keep].reset_index(drop=True)
        # the name travels through the base's filters, then leaves
        csv = common_columns(table, self.common(table), _image=names)
        self.pathologies = list(self.label_names(table))
        return Index(csv, self.label_matrix(table), self.order(table), {}), complete

    def _own_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that ``rows`` keeps; none is an error."""
        kept = self.rows(table).reset_index(drop=True)
        if kept.empty:
            raise TableError(f"{self.csvpath}: none of its {len(table)} rows is an image of {self.spec.name!r}.")
        return kept

    def _all_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        """The image name of every row; a blank one is an error."""
        names = self.image_names(table).reset_index(drop=True)
        blank = int(names.isna().sum())
        if blank:
            raise TableError(f"{self.csvpath}: {blank} of {len(names)} rows of {self.spec.name!r} name no image.")
        return names.astype("str")

    def _rows_with_image(self, names: pd.Series[Any], on_error: str) -> NDArray[np.intp]:
        """Positions of the rows to keep, by whether their image is there; a path outside ``imgpath`` is an error."""
        if self._source is None or on_error == "defer":
            return np.arange(len(names))
        absent = self._source.missing(names.tolist())
        if not absent:
            return np.arange(len(names))
        self.skipped = [str(names.iloc[i]) for i in absent]
        if on_error == "raise" or len(absent) == len(names):
            hint = 'Check imgpath, or pass on_error="skip" to leave those rows out.'
            if len(absent) == len(names):
                hint = "Check imgpath: not one image of the table is in it."
            raise ImageMissing(
                f"{self._source.root}: {len(absent)} of the {len(names)} images that {self.csvpath} names are not "
                f"there; the first is {self.skipped[0]!r}. {hint}"
            )
        _log.info("%s: left out %d of %d rows without an image", self.spec.name, len(absent), len(names))
        return np.setdiff1d(np.arange(len(names)), absent)
