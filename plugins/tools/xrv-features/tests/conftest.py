"""Datasets whose pixels say who they are, and models whose features are told from the pixels by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

NAMES = ("Effusion", "Mass")


class FakeDataset:
    """Item i has a pixel of its own, ``100 * i`` at (0, 1). Keeps the contract, inherits nothing."""

    def __init__(self, items: int = 7, *, uid: str = "fake", side: int = 4) -> None:
        self.side, self.transform = side, None
        self.labels = np.tile(np.array([[1, 0], [0, np.nan]], dtype=np.float32), (items, 1))[:items]
        self.pathologies = list(NAMES)
        text = {"patientid": [f"p{i // 2}" for i in range(items)], "source_uid": [f"{uid}:{i}" for i in range(items)]}
        self.csv = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in text.items()})
        self.csv["view"] = pd.Series((["PA", "AP", "UNKNOWN"] * items)[:items], dtype="str")
        self.csv["sex"] = pd.Series((["F", "M", None] * items)[:items], dtype="str")
        self.csv["age_years"] = np.where(np.arange(items) % 4 == 3, np.nan, 20.5 + np.arange(items))
        self.csv["hospital"] = [f"h{i % 9}" for i in range(items)]

    @property
    def views(self) -> list[str]:
        return sorted(set(self.csv["view"]))

    def totals(self) -> dict[str, dict[float, int]]:
        return {}

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, idx: int) -> torch.Tensor:
        image = torch.full((1, self.side, self.side), -1000.0)
        image[0, 0, 1] = 100.0 * idx
        return image

    def __getitem__(self, idx: int, /) -> dict[str, Any]:
        return {"idx": idx, "img": self.pixels(idx), "lab": self.labels[idx].copy()}


class FakeClassifier(nn.Module):
    """Features: the first row of pixels, times a weight of 2; dropout shows whether it is in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.pathologies, self.trained = list(NAMES), [True, True]
        self.op_threshs, self.input_resolution = None, 4
        self.scale = nn.Parameter(torch.full((1,), 2.0))
        self.dropout = nn.Dropout(0.5)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dropout(x[:, 0, 0] * self.scale)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("features are asked for, not predictions")


class FakeAutoencoder(nn.Module):
    """Codes ``[B, 2, 4, 4]``: the image, and its negative; a part of it is called ``features``, as in many networks."""

    def __init__(self) -> None:
        super().__init__()
        self.input_resolution = 4
        self.features = nn.Identity()

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, -x], dim=1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z[:, :1]


@pytest.fixture
def dataset() -> FakeDataset:
    return FakeDataset()


@pytest.fixture
def classifier() -> FakeClassifier:
    return FakeClassifier()


@pytest.fixture
def autoencoder() -> FakeAutoencoder:
    return FakeAutoencoder()


@pytest.fixture
def another() -> type[FakeDataset]:
    return FakeDataset
