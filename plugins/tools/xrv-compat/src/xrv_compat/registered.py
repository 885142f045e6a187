"""Dataset classes made from ``OLD_DATASETS``: torchxrayvision's arguments, order of rows, columns and samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import xrv_core
from xrv_compat.base import Dataset, listed
from xrv_compat.notes import warn_once
from xrv_compat.old import INCLUDED, OldDataset, signature_of
from xrv_compat.old_datasets import OLD_DATASETS
from xrv_compat.transforms import apply_transforms
from xrv_core.errors import ArgumentError

__all__ = ["Registered", "dataset_class"]

#: Arguments that are used here and not passed to the registry's dataset.
_HERE = {"transform", "data_aug", "seed", "flat_dir", "nrows", "unique_patients"}


class Registered(Dataset):
    """A dataset of the registry with torchxrayvision's interface. ``registered`` is the dataset itself.

    Rows are in torchxrayvision's order. Items hold numpy arrays, or the results of ``transform`` and ``data_aug``.
    """

    def _open(self, old: OldDataset, given: Mapping[str, Any]) -> None:
        if given.get("nrows") is not None and "nrows" not in old.unused:
            raise ArgumentError(
                f"nrows={given['nrows']!r} is not supported: open the whole table, and take the first items with "
                "SubsetDataset(dataset, range(n))."
            )
        self._old = old
        self.shows = old.shows  # type: ignore[misc]
        self.transform, self.data_aug = given["transform"], given["data_aug"]
        self.imgpath = given.get("imgpath", given.get("imgzippath"))
        views = given.get("views", [])
        self.views = views if "views" in old.unused else listed(views)
        self.registered: Any = xrv_core.get_dataset(
            old.name, **_options(old, given), labels="torchxrayvision", on_error="defer"
        )
        self.csvpath = getattr(self.registered, "csvpath", None)
        self.spec = self.registered.spec
        unique = bool(given.get("unique_patients")) and bool(old.patient)
        self._rows = _rows(self.registered.csv, old, unique)
        csv = self.registered.csv.iloc[self._rows].reset_index(drop=True)
        sex = csv["sex"].fillna("")
        more = pd.DataFrame({"sex_male": sex == "M", "sex_female": sex == "F"})
        self.csv = pd.concat([csv, more], axis=1)  # assign warns about the many columns of OpenI
        self.labels = self.registered.labels[self._rows]
        self.pathologies = list(self.registered.pathologies)
        if old.label_columns:
            self.csv[self.pathologies] = self.labels

    def __getitem__(self, idx: Any, /) -> dict[str, Any]:
        position = self._position(idx + len(self) if isinstance(idx, int) and idx < 0 else idx)
        found = self.registered[int(self._rows[position])]
        sample: dict[str, Any] = {"idx": idx, "lab": self.labels[position]}
        sample |= {key: self.csv[key].iloc[position] for key in self._old.keys}
        sample["img"] = found["img"].numpy()
        if "pathology_masks" in found:
            sample["pathology_masks"] = self._masks(found["pathology_masks"], sample["img"])
        if "semantic_masks" in found:
            sample["semantic_masks"] = {name: mask.numpy() for name, mask in found["semantic_masks"].items()}
        return apply_transforms(apply_transforms(sample, self.transform), self.data_aug)

    def _masks(self, masks: Mapping[int, Any], image: NDArray[np.float32]) -> dict[int, Any]:
        """Masks by the current columns, which ``relabel_dataset`` may have changed."""
        names = self.registered.pathologies
        column = {name: i for i, name in enumerate(self.pathologies)}
        empty = dict.fromkeys(names if self._old.every_mask else (), np.zeros_like(image))
        named = {**empty, **{names[i]: mask.numpy() for i, mask in masks.items()}}
        return {column[name]: mask for name, mask in named.items() if name in column}

    def why(self, idx: int, label: str) -> dict[str, Any]:
        """The source's data about one label of one item, as in ``xrv_core``'s datasets."""
        found: dict[str, Any] = self.registered.why(int(self._rows[self._position(idx)]), label)
        return found

    @property
    def pathology_masks(self) -> bool:
        """Whether items have ``pathology_masks``."""
        return bool(self.registered.pathology_masks)

    @pathology_masks.setter
    def pathology_masks(self, wanted: bool) -> None:
        self.registered.pathology_masks = wanted

    @property
    def semantic_masks(self) -> bool:
        """Whether items have ``semantic_masks``."""
        return bool(self.registered.semantic_masks)

    @semantic_masks.setter
    def semantic_masks(self, wanted: bool) -> None:
        self.registered.semantic_masks = wanted


def dataset_class(name: str) -> type[Registered]:
    """The class of that name in ``OLD_DATASETS``."""
    old = OLD_DATASETS[name]
    signature = signature_of(old.arguments)

    def __init__(self: Registered, *args: Any, **kwargs: Any) -> None:
        warn_once(f"datasets.{name}")
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        self._open(old, given.arguments)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    doc = f"torchxrayvision's ``{name}``: the dataset {old.name!r} of the registry. New code: ``{old.new}``."
    return type(name, (Registered,), {"__init__": __init__, "__doc__": doc, "__module__": "xrv_compat.datasets"})


def _options(old: OldDataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the registry's dataset."""
    skip = {"self", *_HERE, *old.unused}
    options = {name: value for name, value in given.items() if name not in skip}
    for name, value in given.items():
        if isinstance(value, str) and value == INCLUDED:
            del options[name]
            if name in old.tables:
                options[name] = xrv_core.fetch(xrv_core.describe_dataset(old.name).tables[old.tables[name]])
    if "views" in options:
        options["views"] = [old.views.get(view, view) for view in listed(options["views"])]
    return {**{old.renamed.get(name, name): value for name, value in options.items()}, **old.options}


def _rows(csv: pd.DataFrame, old: OldDataset, unique: bool) -> NDArray[np.intp]:
    """Positions of the rows to show, in torchxrayvision's order."""
    kept = csv.drop_duplicates(old.patient) if unique else csv
    order = [*([old.patient] if unique and old.by_patient else ()), *old.order]
    return (kept.sort_values(order, kind="stable") if order else kept).index.to_numpy()
