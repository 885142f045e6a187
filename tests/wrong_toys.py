"""Toys that each break one part of the contract: of labels, table, items and the choice among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from right_toy import Toy

from xrv_core.datasets import Index


class Scores(Toy):
    """Keeps the contract but for scores in the place of labels, as a severity dataset does."""

    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index._replace(labels=index.labels * np.float32(2.5))


# -- labels and table


class Labels64(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.labels = self.labels.astype(np.float64)

    def __getitem__(self, idx: int, /) -> Any:
        sample = super().__getitem__(idx)
        return {**sample, "lab": sample["lab"].astype(np.float32)}


class MinusOneIsUnknown(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index._replace(labels=np.nan_to_num(index.labels, nan=-1.0))


class OtherPathologies(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index._replace(labels=index.labels[:, ::-1], pathologies=["Mass", "Effusion"])


class OwnLabelsByDefault(Toy):
    def __init__(self, *arguments: Any, labels: str = "torchxrayvision", **options: Any) -> None:
        super().__init__(*arguments, labels=labels, **options)

    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index if self.label_policy == "strict" else index._replace(labels=1 - index.labels)


class NothingIsKnown(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index._replace(labels=np.full_like(index.labels, np.nan))


class NoTotals(Toy):
    @property
    def totals(self) -> Any:
        raise AttributeError("totals")


class OwnViews(Toy):
    @property
    def views(self) -> list[str]:
        return ["PA"] if len(super().views) > 1 else super().views


class DaysAreFloat(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.csv["offset_day_int"] = self.csv["offset_day_int"].astype("float64")


class NanIsAPatient(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index.with_common(patientid=[str(p) for p in table["patient"].tolist()])


class UidWithoutCollection(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        return index.with_common(source_uid=table["file"])


class CountsUnknown(Toy):
    def totals(self) -> dict[str, dict[float, int]]:
        return {name: {**counts, -1.0: 1} for name, counts in super().totals().items()}


class LongRepr(Toy):
    def __repr__(self) -> str:
        return self.csv.to_string() * 3


class KnowsNoReason(Toy):
    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {}


# -- items


class UnitRange(Toy):
    def pixels(self, row: int) -> np.ndarray:
        return (super().pixels(row) + 1024) / 2048


class Stretched(Toy):
    def pixels(self, row: int) -> np.ndarray:
        pixels = super().pixels(row)
        return (pixels - pixels.min()) / np.ptp(pixels) * np.float32(2048) - np.float32(1024)


class Flat(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        sample = super().__getitem__(idx)
        return {**sample, "img": sample["img"][0]} if self.transform is None and not self.pathology_masks else sample


class Blank(Toy):
    def pixels(self, row: int) -> np.ndarray:
        return np.full_like(super().pixels(row), -1000.0 - int(self.image_name(row)[0]))


class MoreKeys(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        return {**super().__getitem__(idx), "file": self.image_name(idx)}


class SharedLabels(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        return {**super().__getitem__(idx), "lab": self.labels[idx]}


class WrapsRound(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        return super().__getitem__(idx % len(self) if isinstance(idx, int) else idx)


class CountsFromTheFront(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        return super().__getitem__(0 if isinstance(idx, int) and -len(self) <= idx < 0 else idx)


class KeepsItems(Toy):
    def pixels(self, row: int) -> np.ndarray:
        kept = self.__dict__.setdefault("_items", {})
        if row not in kept:
            kept[row] = super().pixels(row)
        return kept[row]


class Noisy(Toy):
    def pixels(self, row: int) -> np.ndarray:
        return super().pixels(row) * np.random.default_rng().uniform(0.9, 1.0, (1, 1, 1)).astype(np.float32)


class IgnoresFunctions(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        own = self.transform
        self.transform = own if isinstance(own, torch.nn.Module) or hasattr(own, "transforms") else None
        try:
            return super().__getitem__(idx)
        finally:
            self.transform = own


class CannotBeRead(Toy):
    def pixels(self, row: int) -> np.ndarray:
        raise ZeroDivisionError(f"row {row}")


# -- choosing


class IgnoresViews(Toy):
    def __init__(self, *arguments: Any, views: Any = None, **options: Any) -> None:
        super().__init__(*arguments, **options)


class MixesPatients(Toy):
    """torchxrayvision's way: the first value that is known, column by column."""

    def __init__(self, *arguments: Any, unique_patients: bool = False, **options: Any) -> None:
        super().__init__(*arguments, unique_patients=unique_patients, **options)
        if unique_patients:
            options.pop("views", None)
            everybody = Toy(*arguments, **options).csv.groupby("patientid").first()["sex"]
            self.csv["sex"] = self.csv["sex"].fillna(self.csv["patientid"].map(everybody))


class KeepsTheLast(Toy):
    def _first_of_each_patient(self, csv: pd.DataFrame, when: Any) -> Any:
        last = csv.assign(row=range(len(csv))).sort_values("offset_day_int", kind="stable")
        return np.sort(last[~last["patientid"].duplicated(keep="last") | last["patientid"].isna()]["row"])


class ForgetsTheFilter(Toy):
    """Reads the image of row i of the table as it was before views and patients were chosen."""

    def build(self, table: pd.DataFrame) -> Index:
        self._before = table["file"].tolist()
        return super().build(table)

    def image_name(self, row: int) -> str:
        return self._before[row]
