"""Datasets made of image files and a metadata table: what most plugins subclass."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base.dataset import XrayDataset
from xrv_core.datasets.pixels import PixelRecipe, decode_image
from xrv_core.datasets.sources import ImageSource
from xrv_core.datasets.tables import (
    LABEL_POLICIES,
    NO_REPEATS,
    ON_DUPLICATES,
    Index,
    cached_index,
    distinct_index,
    read_table,
    table_path,
)
from xrv_core.errors import ArgumentError, ImageMissing, ImagePathError, TableError, XrvError, logger, reading
from xrv_core.specs import Asset, DatasetSpec

__all__ = ["FileDataset"]

_log = logger(__name__)

#: What may be done about rows whose image is not there.
ON_ERROR = ("raise", "skip", "defer")

_PLAIN = PixelRecipe()


class FileDataset(XrayDataset):
    """A dataset of image files.

    A subclass defines what is particular to it:

    * ``needs``: columns that its table must have; ``text``, ``numbers``, ``dates`` and ``ages``: what each column holds
      that ``build`` reads, which it then has as str or as numbers, or gives to ``dates_in`` or ``age_in_years`` (see
      ``read_table``). A column that is not declared may be of any type;
    * ``build(table)``: the rows, labels and image names of the source table, as an ``Index``;
    * ``load_table()``, if the table is no plain CSV file;
    * ``locate(index)``, if the names of the files depend on which images the user has;
    * ``evidence`` and masks, as in ``XrayDataset``.

    The base class calls ``load_table``, ``build`` and ``locate`` once, in this order. What ``build`` finds and the
    dataset needs later, such as boxes, is in ``Index.extras`` and then in ``self.extras``.

    Args:
        spec: The dataset's spec.
        imgpath: Folder, .zip or .tar that holds the images. None opens labels and table only.
        csvpath: The metadata table, a file or a DataFrame; None fetches the hashed asset ``spec.tables[0]``.
        labels: "strict", or "torchxrayvision" for the labels of torchxrayvision 1.5.7.
        on_error: "raise" stops where rows name images that are not there; "skip" leaves such rows out (see
            ``skipped``); "defer" looks for an image when its item is asked for, not before.
        on_duplicates: Rows of one image that are equal count once. Where they differ, "error" stops and "first" takes
            the first of them; see ``duplicates``.
        recipe: How pixels are read (DICOM look-up tables).
        follow_symlinks: Read what links that leave ``imgpath`` lead to, such as images on another disk.
        **options: ``views``, ``unique_patients``, ``transform``, ``pathology_masks``,
            ``semantic_masks``: see ``XrayDataset``.

    Attributes:
        csvpath: The metadata table.
        source: The images; None without ``imgpath``.
        skipped: Names of the images that rows asked for and ``on_error="skip"`` left out.
        duplicates: A row for each row of the table that was left out because an earlier one is of the same image:
            ``key``, the image; ``first`` and ``again``, their rows in the table, counted from 0; ``differs``, the names
            of the columns they differ in, blank where they are equal.
        extras: What ``build`` and ``locate`` found besides rows and labels.

    Raises:
        PathMissing, TableError, MissingColumns: The table cannot be used, or has rows that contradict each other.
        ImagePathError: A row names an image outside ``imgpath``, or images are behind a link that leaves it.
        ImageMissing: Rows name images that are not there.
        ArgumentError: An argument that cannot be used.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    text: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    dates: ClassVar[tuple[str, ...]] = ()
    ages: ClassVar[tuple[str, ...]] = ()
    #: File names are unique in the whole collection: images may be in any sub-folder of ``imgpath``.
    unique_file_names: ClassVar[bool] = False
    #: How many of the last parts of an image's path tell which one it is, in the whole collection; None: the whole
    #: path. Images are found by them where the folders around them have other names: see ``ImageSource.locate``.
    identifying_parts: ClassVar[int | None] = None
    #: Whether images may have other extensions than the table says, as resized or converted copies have.
    other_extensions: bool = True
    #: Whether the index is kept in the cache (see tables/cache.py). Each class says so for itself, and only if
    #: ``load_table`` and ``build`` depend on nothing but ``csvpath``, attributes that the class sets before it calls
    #: this class's ``__init__``, files that those name as a ``Path``, and its code. They must not look at ``source``.
    caches_index: ClassVar[bool] = False

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | pd.DataFrame | None = None,
        *,
        labels: str = "strict",
        on_error: str = "raise",
        on_duplicates: str = "error",
        recipe: PixelRecipe | None = None,
        follow_symlinks: bool = False,
        **options: Any,
    ) -> None:
        policies = {"labels": LABEL_POLICIES, "on_error": ON_ERROR, "on_duplicates": ON_DUPLICATES}
        for (name, allowed), policy in zip(policies.items(), (labels, on_error, on_duplicates), strict=True):
            if policy not in allowed:
                raise ArgumentError(f"{name}={policy!r} is not a policy. Choose one of: {', '.join(allowed)}.")
        self.spec = spec
        self.label_policy = labels
        self.on_duplicates = on_duplicates
        state = dict(vars(self))  # all that the index depends on besides its table
        root = None if imgpath is None else Path(imgpath).expanduser()
        by_name, parts, links = self.unique_file_names, self.identifying_parts, follow_symlinks
        self.source = ImageSource(root, by_name=by_name, parts=parts, follow_symlinks=links) if root else None
        self.csvpath = self.table_path(csvpath, spec.tables[0] if spec.tables else None)
        self.recipe = recipe or _PLAIN
        self.on_error = on_error
        self.skipped: list[str] = []
        with reading(self.csvpath, TableError, "Compare the file with its source."):
            if vars(type(self)).get("caches_index", False):
                index = cached_index(type(self), self.csvpath, state, self._built)
            else:
                index = self._built()
            self.duplicates = NO_REPEATS if index.repeats is None else index.repeats
            if len(self.duplicates):
                self._tell_duplicates()
            index = self.locate(index)
        self.extras = index.extras
        super().__init__(
            spec,
            index.csv,
            index.labels,
            index.pathologies,
            order=index.order,
            label_policy=labels,
            **options,
        )
        images, kept = index.images, self._kept
        self._images = images if len(kept) == len(images) else images.iloc[kept].reset_index(drop=True)

    # -- what a subclass defines

    def load_table(self) -> pd.DataFrame:
        """The source table, read from ``self.csvpath``."""
        expected = self.spec.tables[0].name.rsplit("/", 1)[-1] if self.spec.tables else ""
        return read_table(
            self.csvpath,
            needs=self.needs,
            text=self.text,
            numbers=self.numbers,
            dates=self.dates,
            ages=self.ages,
            owner=self.spec.name,
            expected=expected,
        )

    def build(self, table: pd.DataFrame) -> Index:
        """The index of a source table: see ``Index.of``."""
        raise TypeError(f"{type(self).__name__} does not define build(table), which returns the Index of its table.")

    def locate(self, index: Index) -> Index:
        """The index with the images as ``self.source`` has them, without the rows whose image is left out.

        Images that are not where ``index.images`` says are looked for in other folders, in archives and under other
        extensions. A subclass that overrides it changes ``index.images`` and then calls this one.
        """
        if self.source is None or self.on_error == "defer":
            return index
        absent = self.source.missing(index.images.tolist())
        if absent:
            index, absent = self._elsewhere(index)
        if not absent:
            return index
        self.skipped = index.images.iloc[absent].tolist()
        if self.on_error == "raise" or len(absent) == len(index.images):
            raise self._not_there(len(index.images))
        _log.info("%s: left out %d of %d rows without an image", self.spec.name, len(absent), len(index.images))
        if self.source.outside:
            _log.warning("%s: not looked into: %s", self.spec.name, " ".join(self.source.passed_over[:3]))
        return index.take(np.setdiff1d(np.arange(len(index.images)), absent))

    def _elsewhere(self, index: Index) -> tuple[Index, list[int]]:
        """The index with the images where the user has them, and the positions of those that are not there."""
        assert self.source is not None
        names = index.images.tolist()
        self._found = self.source.locate(names, other_extensions=self.other_extensions)
        if self._found.extension is not None:
            said = "without extension" if self._found.extension == "" else f"as {self._found.extension}"
            _log.warning(
                "%s: %s has the images %s, not under the names of %s (%r): these are read",
                *(self.spec.name, self.source.root, said, self.csvpath, names[0]),
            )
        paths = pd.Series(self._found.paths, dtype="str")
        absent = np.flatnonzero(paths.isna()).tolist()
        return index._replace(images=paths.fillna(index.images)), absent

    def _not_there(self, rows: int) -> XrvError:
        """The error about ``self.skipped``: what was looked for, and what there is."""
        assert self.source is not None
        parts, counts, names = self.source.parts, self._found.counts, self.source.names()
        hint = 'Check imgpath, or pass on_error="skip" to leave those rows out.'
        if len(self.skipped) == rows:
            hint = "Check imgpath: not one image of the table is in it."
        looked = "that path" if parts is None else f"the last {parts} parts of that path" if parts > 1 else "that name"
        extensions = ", with any extension of images," if self.other_extensions else ""
        text = [
            f"{self.source.root}: {len(self.skipped)} of the {rows} images that {self.csvpath} names are "
            f"not there; the first is {self.skipped[0]!r}. {hint}",
            f"Looked for {looked}{extensions} in every folder, .zip and .tar below imgpath: {len(names)} files"
            + (f", such as {names[0]!r}." if names else "."),
        ]
        if counts:
            text.append(f"Extensions are mixed: {', '.join(f'{n} {kind}' for kind, n in counts.items())}.")
        if self.source.passed_over:
            text.append(f"Not looked into: {' '.join(self.source.passed_over[:3])}")
        return (ImagePathError if self.source.outside else ImageMissing)(" ".join(text))

    # -- what is shared

    def pixels(self, row: int) -> NDArray[np.float32]:
        """Read and decode the image of row ``row``."""
        if self.source is None:
            raise ArgumentError(
                f"{self.spec.name!r} was opened without imgpath: it has labels but no images. "
                f"Pass imgpath=...; how to obtain the images: {self.spec.obtain}"
            )
        name = self.image_name(row)
        try:
            data = self.source.read(name)
        except ImageMissing:
            found = self.source.locate([name], other_extensions=self.other_extensions).paths[0]
            if self.on_error != "defer" or found is None:
                raise
            name, data = found, self.source.read(found)
        return decode_image(data, f"{self.source.root}/{name}", recipe=self.recipe)

    def image_name(self, row: int) -> str:
        """Path of the image of row ``row`` below ``imgpath``."""
        return str(self._images.iloc[row])

    def table_path(self, given: str | Path | pd.DataFrame | None, asset: Asset | None) -> Path:
        """The user's own copy of a table, a file or a DataFrame, or the fetched asset."""
        if given is not None:
            return table_path(given)
        if asset is None:
            raise ArgumentError(
                f"{self.spec.name!r} has no public metadata table: pass csvpath=.... "
                f"How to obtain it: {self.spec.obtain}"
            )
        from xrv_core import fetch

        return fetch(asset)

    def _built(self) -> Index:
        """The index of the whole table, whichever images there are."""
        table = self.load_table()
        index = self.build(table)
        if index.csv.empty:
            raise TableError(f"{self.csvpath}: none of its {len(table)} rows is an image of {self.spec.name!r}.")
        blank = int(index.images.isna().sum())
        if blank:
            raise TableError(
                f"{self.csvpath}: {blank} of {len(index.images)} rows of {self.spec.name!r} name no image."
            )
        return distinct_index(
            index, by_name=self.unique_file_names, where=self.csvpath, on_duplicates=self.on_duplicates
        )

    def _tell_duplicates(self) -> None:
        differ = int((self.duplicates["differs"] != "").sum())
        first, again = self.duplicates[["first", "again"]].iloc[0] + 2
        _log.warning(
            "%s: left out %d rows of %s whose image an earlier row has (%d equal to it, %d not); the first is line %d, "
            "as line %d",
            *(self.spec.name, len(self.duplicates), self.csvpath, len(self.duplicates) - differ, differ, again, first),
        )
