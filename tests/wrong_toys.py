"""Toys that each break one part of the contract: of labels, table, items and the choice among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from right_toy import Toy


class Scores(Toy):
    """Keeps the contract but for scores in the place of labels, as a severity dataset does."""

    def label_matrix(self, table: pd.DataFrame) -> np.ndarray:
        return super().label_matrix(table) * np.float32(2.5)


# -- labels and table


class Labels64(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.labels = self.labels.astype(np.float64)

    def __getitem__(self, idx: int, /) -> Any:
        sample = super().__getitem__(idx)
        return {**sample, "lab": sample["lab"].astype(np.float32)}


class MinusOneIsUnknown(Toy):
    def label_matrix(self, table: pd.DataFrame) -> np.ndarray:
        return np.nan_to_num(super().label_matrix(table), nan=-1.0)


class OtherPathologies(Toy):
    def label_names(self, table: pd.DataFrame) -> list[str]:
        return ["Mass", "Effusion"]


class OwnLabelsByDefault(Toy):
    def __init__(self, *arguments: Any, labels: str = "torchxrayvision", **options: Any) -> None:
        super().__init__(*arguments, labels=labels, **options)

    def label_matrix(self, table: pd.DataFrame) -> np.ndarray:
        return super().label_matrix(table) if self.label_policy == "strict" else 1 - super().label_matrix(table)


class NothingIsKnown(Toy):
    def label_matrix(self, table: pd.DataFrame) -> np.ndarray:
        return np.full_like(super().label_matrix(table), np.nan)


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
    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        return {**super().common(table), "patientid": [str(p) for p in table["patient"].tolist()]}


class UidWithoutCollection(Toy):
    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        return {**super().common(table), "source_uid": table["file"]}


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


class KeepsItems(Toy):
    def pixels(self, row: int) -> np.ndarray:
        kept = self.__dict__.setdefault("_kept", {})
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
    def __init__(self, *arguments: Any, unique_patients: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if unique_patients:
            last = self.csv.assign(row=range(len(self))).sort_values("offset_day_int", kind="stable")
            rows = sorted(last[~last["patientid"].duplicated(keep="last") | last["patientid"].isna()]["row"])
            self.csv, self.labels = self.csv.iloc[rows].reset_index(drop=True), self.labels[rows]
            self._names = self._names.iloc[rows].reset_index(drop=True)


class ForgetsTheFilter(Toy):
    """Reads the image of row i of the table as it was before views and patients were chosen."""

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        self._before = table["file"].tolist()
        return super().common(table)

    def image_name(self, row: int) -> str:
        return self._before[row]
