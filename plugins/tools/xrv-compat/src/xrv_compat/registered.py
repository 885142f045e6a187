"""Dataset classes made from ``OLD_DATASETS``: torchxrayvision's arguments, order of rows, columns and samples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import xrv_core
from xrv_compat.base import Dataset, check_rows
from xrv_compat.notes import warn_once
from xrv_compat.old import INCLUDED, OldDataset, listed, signature_of
from xrv_compat.old_datasets import OLD_DATASETS
from xrv_compat.transforms import apply_transforms
from xrv_core.assets import asset_path
from xrv_core.errors import ArgumentError, ImageError, ImageMissing

__all__ = ["Registered", "dataset_class"]

#: Arguments that are used here and not passed to the registry's dataset.
_HERE = {"transform", "data_aug", "seed", "flat_dir", "nrows", "unique_patients"}


class Registered(Dataset):
    """A dataset of the registry with torchxrayvision's interface. ``registered`` is the dataset itself.

    Rows are in torchxrayvision's order. Items hold numpy arrays, or the results of ``transform`` and ``data_aug``.
    ``csv`` and ``labels`` may be filtered, shuffled and repeated together: a row names its image, wherever it is.
    """

    _old: ClassVar[OldDataset]

    def _open(self, given: Mapping[str, Any]) -> None:
        old = self._old
        if given.get("nrows") is not None and "nrows" not in old.unused:
            raise ArgumentError(
                f"nrows={given['nrows']!r} is not supported: open the whole table, and take the first items with "
                "SubsetDataset(dataset, range(n))."
            )
        self.transform, self.data_aug = given["transform"], given["data_aug"]
        self.imgpath = given.get("imgpath", given.get("imgzippath"))
        views = given.get("views", [])
        self.views = views if "views" in old.unused else listed(views)
        self._options = {name: value for name, value in given.items() if name not in {"self", *_HERE, *old.unused}}
        self.registered = self._opened()
        self.csvpath = getattr(self.registered, "csvpath", None)
        self.spec = self.registered.spec
        unique = bool(given.get("unique_patients")) and bool(old.patient)
        csv = _with_numbers(self.registered.csv, old.patient)
        rows = _rows(csv, old, unique)
        csv = csv.iloc[rows].reset_index(drop=True)
        sex = csv["sex"].fillna("")
        more = pd.DataFrame({"sex_male": sex == "M", "sex_female": sex == "F"})
        self.csv = pd.concat([csv, more], axis=1)  # assign warns about the many columns of OpenI
        self.labels = self.registered.labels[rows]
        self.pathologies = list(self.registered.pathologies)
        if old.label_columns:
            self.csv[self.pathologies] = self.labels

    def __getitem__(self, idx: Any, /) -> Any:
        if isinstance(idx, slice):
            return super().__getitem__(idx)
        return {**self._item(self._position(idx)), "idx": idx}

    def _item(self, position: int) -> Any:
        check_rows(self)
        row = self._row(position)
        image = self.registered.pixels(row)
        sample: dict[str, Any] = {"idx": position, "lab": self.labels[position]}
        sample |= {key: self.csv[key].iloc[position] for key in self._old.keys}
        sample["img"] = image
        for kind in ("pathology_masks", "semantic_masks"):
            if getattr(self, kind):
                sample[kind] = self._masks(kind, self._name(position), row, image)
        return apply_transforms(apply_transforms(sample, self.transform), self.data_aug)

    def _name(self, position: int) -> str:
        """The cell that names the image of an item."""
        if self._old.image not in self.csv:
            raise ArgumentError(f"csv has no column {self._old.image!r}, which names the image of each row.")
        return str(self.csv[self._old.image].iloc[position])

    def _row(self, position: int) -> int:
        """The row of ``registered`` with the image of an item."""
        return self._row_of(self._name(position))

    def _row_of(self, name: str) -> int:
        try:
            return self._rows[_plain(name)]
        except KeyError:
            raise ImageMissing(
                f"csv, column {self._old.image!r}: {name!r} is no image of the table {self.csvpath}. "
                "Open the dataset with the table that names it, or remove its row."
            ) from None

    @cached_property
    def _rows(self) -> dict[str, int]:
        """The rows of ``registered`` by the names of their images."""
        names = map(_plain, self.registered.csv[self._old.image].astype("str"))
        return {name: row for row, name in reversed(list(enumerate(names)))}  # the first row of a name

    def _masks(self, kind: str, name: str, row: int, image: NDArray[np.float32]) -> dict[Any, Any]:
        """What torchxrayvision's method for ``kind`` gives, which a subclass of the caller may have overridden."""
        ask = getattr(self, self._old.asks, None)
        if ask is None or ask.__func__ in _MASKS:
            return self._masks_of(kind, row, image.shape)
        found: dict[Any, Any] = ask(name, image.shape if self._old.asks_shape else image.shape[2])
        return found

    def _masks_of(self, kind: str, row: int, shape: tuple[int, ...]) -> dict[Any, Any]:
        """Masks ``[1, H, W]``; pathologies by the current columns, which ``relabel_dataset`` may have changed."""
        size = (int(shape[-2]), int(shape[-1]))
        if kind == "semantic_masks":
            return dict(self.registered.semantic_masks_of(row, size))
        column = {name: i for i, name in enumerate(self.pathologies)}
        names = self.registered.pathologies if self._old.every_mask else ()
        named = {**{name: np.zeros((1, *size), np.float32) for name in names}}
        try:
            named |= self.registered.pathology_masks_of(row, size)
        except ImageError:  # the caller asks for other proportions than the image's
            height, width = self.registered.pixels(row).shape[-2:]
            whole = self.registered.pathology_masks_of(row, (height, width))
            rows, columns = (
                np.arange(side) * whole_side // side for side, whole_side in zip(size, (height, width), strict=True)
            )
            named |= {name: mask[:, rows][:, :, columns] for name, mask in whole.items()}
        return {column[name]: mask for name, mask in named.items() if name in column}

    def why(self, idx: int, label: str) -> dict[str, Any]:
        """The source's data about one label of one item, as in ``xrv_core``'s datasets."""
        check_rows(self)
        found: dict[str, Any] = self.registered.why(self._row(self._position(idx)), label)
        return found

    def _opened(self) -> Any:
        """The dataset of the registry."""
        return xrv_core.get_dataset(
            self._old.name, **_options(self._old, self._options), labels="torchxrayvision", on_error="defer"
        )

    @property
    def pathology_masks(self) -> bool:
        """Whether items have ``pathology_masks``."""
        return bool(self.registered.pathology_masks)

    @pathology_masks.setter
    def pathology_masks(self, wanted: bool) -> None:
        self._want("pathology_masks", wanted)

    @property
    def semantic_masks(self) -> bool:
        """Whether items have ``semantic_masks``."""
        return bool(self.registered.semantic_masks)

    @semantic_masks.setter
    def semantic_masks(self, wanted: bool) -> None:
        self._want("semantic_masks", wanted)

    def _want(self, kind: str, wanted: bool) -> None:
        if wanted and not self._options.get(kind):  # what is not wanted was not read
            self._options = {**self._options, kind: True}
            self.registered = self._opened()
        setattr(self.registered, kind, wanted)


def get_mask_dict(self: Registered, image_name: str, this_size: Any) -> dict[int, NDArray[np.float32]]:
    """Masks of an image by column: ``this_size`` is the height and width of a square, or the shape of the image."""
    return self._masks_of("pathology_masks", self._row_of(image_name), _shape(this_size))


def get_semantic_mask_dict(self: Registered, image_name: str, this_shape: Any) -> dict[str, NDArray[np.float32]]:
    """Masks of an image by structure, for an image of ``this_shape``."""
    return self._masks_of("semantic_masks", self._row_of(image_name), _shape(this_shape))


_MASKS = (get_mask_dict, get_semantic_mask_dict)


def _shape(size: Any) -> tuple[int, ...]:
    return (size, size) if np.ndim(size) == 0 else tuple(size)


def dataset_class(name: str) -> type[Registered]:
    """The class of that name in ``OLD_DATASETS``."""
    old = OLD_DATASETS[name]
    signature = signature_of(old.arguments)

    def __init__(self: Registered, *args: Any, **kwargs: Any) -> None:
        warn_once(f"datasets.{name}")
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        self._open(given.arguments)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    doc = f"torchxrayvision's ``{name}``: the dataset {old.name!r} of the registry. New code: ``{old.new}``."
    own = {"__init__": __init__, "__doc__": doc, "__module__": "xrv_compat.datasets", "_old": old, "shows": old.shows}
    if old.asks:
        own[old.asks] = get_semantic_mask_dict if "semantic" in old.asks else get_mask_dict
    return type(name, (Registered,), own)


def _options(old: OldDataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the registry's dataset."""
    options = {name: value for name, value in given.items() if not _is_included(value)}
    assets = xrv_core.describe_dataset(old.name).tables
    own = any(old.renamed.get(name, name) == "csvpath" for name in options)
    for name, number in old.tables.items():
        # with a table of the caller's own, nothing is asked for that is not needed
        if name not in options and (not own or old.needed(given) or asset_path(assets[number]).is_file()):
            options[name] = xrv_core.fetch(assets[number])
    if "views" in options:
        options["views"] = [old.views.get(view, view) for view in listed(options["views"])]
    return {**{old.renamed.get(name, name): value for name, value in options.items()}, **old.options}


def _plain(name: str) -> str:
    """A name without the folders that torchxrayvision passes over."""
    return re.sub(r"^valid/", "val/", re.sub(r"^(CheXpert-v1\.0(-small)?|images)/", "", name))


def _is_included(value: Any) -> bool:
    return isinstance(value, str) and value == INCLUDED


def _with_numbers(csv: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table with the source's column of patients as torchxrayvision reads it: as numbers if all cells are."""
    if not column or column == "patientid" or not csv[column].astype("str").str.fullmatch(r"0|[1-9]\d{0,17}").all():
        return csv
    return csv.assign(**{column: csv[column].astype("int64")})


def _rows(csv: pd.DataFrame, old: OldDataset, unique: bool) -> NDArray[np.intp]:
    """Positions of the rows to show, in torchxrayvision's order."""
    kept = csv.drop_duplicates(old.patient) if unique else csv
    order = [*([old.patient] if unique and old.by_patient else ()), *old.order]
    return (kept.sort_values(order, kind="stable") if order else kept).index.to_numpy()
