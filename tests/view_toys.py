"""Datasets for the tests of views: one of ours with masks, and a stranger that inherits nothing of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import XrayDataset, common_columns
from xrv_core.protocols import Sample


def spec(name: str, pathologies: tuple[str, ...]) -> DatasetSpec:
    words = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "-")
    return DatasetSpec(name=name, factory="toy:Toy", pathologies=pathologies, **words)


def table(name: str, patients: list[str | None], **columns: Any) -> pd.DataFrame:
    uids = [f"{name}:{i}" for i in range(len(patients))]
    own = pd.DataFrame({"uid": uids, **columns})
    ages = np.arange(len(patients)) * 10.0
    return common_columns(
        own, {"patientid": patients, "source_uid": uids, "age_years": ages, "sex": ["F", "M"] * (len(patients) // 2)}
    )


class Toy(XrayDataset):
    """Item i is a 4 x 4 image of value i; label column j has a mask whose row j is 1, wherever the label is 1."""

    gives_pathology_masks = True

    def pixels(self, row: int) -> NDArray[np.float32]:
        return np.full((1, 4, 4), row, dtype=np.float32)

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        masks = {}
        for j, name in enumerate(self.spec.pathologies):
            if self.evidence(row, name)[name] == 1:
                masks[name] = np.zeros((1, *shape), dtype=np.float32)
                masks[name][0, j] = 1
        return masks

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {label: float(self.csv[f"is {label}"].iloc[row])}


def toy(name: str = "toy", labels: Any = ((1, 0), (0, 1), (1, 1), (0, 0)), names: str = "Mass Nodule") -> Toy:
    """A toy with one patient for every two images."""
    matrix, pathologies = np.array(labels, dtype=np.float32), tuple(names.split())
    columns = {f"is {p}": matrix[:, j] for j, p in enumerate(pathologies)}
    csv = table(name, [f"{name}-p{i // 2}" for i in range(len(matrix))], **columns)
    return Toy(spec(name, pathologies), csv, matrix, pathology_masks=True)


class Stranger:
    """What a third party may write: it keeps the contract of ``Dataset``, and knows nothing of this library."""

    def __init__(self, rows: int = 2, pathologies: tuple[str, ...] = ("Mass", "Nodule")) -> None:
        self._pathologies = list(pathologies)
        self._labels = np.tile(np.array([1, 0], dtype=np.float32), (rows, 1))
        self.csv = pd.DataFrame({"patientid": pd.Series([f"s{i}" for i in range(rows)], dtype="str")})
        self.csv["view"] = "PA"
        self.csv["source_uid"] = self.csv["patientid"]

    @property
    def pathologies(self) -> list[str]:
        return self._pathologies

    @property
    def labels(self) -> NDArray[np.float32]:
        return self._labels

    @property
    def views(self) -> list[str]:
        return ["PA"]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, idx: int, /) -> Sample:
        if not 0 <= idx < len(self):
            raise IndexError(idx)
        mask = {0: torch.ones(1, 4, 4)}
        return {"idx": idx, "img": torch.zeros(1, 4, 4), "lab": self._labels[idx], "pathology_masks": mask}

    def totals(self) -> dict[str, dict[float, int]]:
        return {}

    def __repr__(self) -> str:
        return "Stranger with two lines\nthe second"
