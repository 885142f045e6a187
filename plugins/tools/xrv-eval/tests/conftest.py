"""A dataset whose pixels say what the classifier shall predict, and that classifier."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

NAMES = ("Effusion", "Nodule", "Mass", "Hernia")


class FakeDataset:
    """Row p of the pixels holds the score (0..1) of label p, times 1024. Keeps the contract, inherits nothing."""

    def __init__(self, scores: Any, labels: Any, *, names: Any = NAMES, patients: Any = None, side: int = 16) -> None:
        self.scores = np.asarray(scores, dtype=np.float32)
        self.labels = np.asarray(labels, dtype=np.float32)
        self.pathologies = list(names)[: self.labels.shape[1]]
        self.side = side
        self.masks = False
        n = len(self.labels)
        patients = [f"p{i // 2}" for i in range(n)] if patients is None else patients
        self.csv = pd.DataFrame(
            {
                "patientid": pd.Series(patients, dtype="string"),
                "view": ["PA", "AP"] * (n // 2) + ["PA"] * (n % 2),
                "source_uid": [f"fake:{i}" for i in range(n)],
            }
        )

    @property
    def views(self) -> list[str]:
        return sorted(set(self.csv["view"]))

    def totals(self) -> dict[str, dict[float, int]]:
        return {}

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int, /) -> dict[str, Any]:
        image = torch.full((1, self.side, self.side), -1024.0)
        for p, score in enumerate(self.scores[idx]):
            image[0, p] = float(score) * 1024
        sample: dict[str, Any] = {"idx": idx, "img": image, "lab": self.labels[idx].copy()}
        if self.masks:
            sample["pathology_masks"] = {p: torch.zeros(1, 4, 4) for p in range(idx % 3)}
            sample["semantic_masks"] = {"Left Lung": torch.ones(1, 3, 3)} if idx % 2 else {}
        return sample


class FakeClassifier(nn.Module):
    """Reads its predictions from the pixels of a FakeDataset."""

    def __init__(self, names: Any = NAMES, *, calibrated: bool = True, trained: Any = None) -> None:
        super().__init__()
        self.pathologies = list(names)
        self.trained = [True] * len(self.pathologies) if trained is None else list(trained)
        self.op_threshs = torch.full((len(self.pathologies),), 0.5) if calibrated else None
        self.input_resolution = 16
        self.scale = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dropout(x[:, 0, : len(self.pathologies)].mean(-1) / 1024 * self.scale)
        if self.op_threshs is None:
            out = out.double().logit()
        return out.masked_fill(~torch.tensor(self.trained), torch.nan)


@pytest.fixture
def dataset() -> Callable[..., FakeDataset]:
    return FakeDataset


@pytest.fixture
def classifier() -> Callable[..., FakeClassifier]:
    return FakeClassifier


@pytest.fixture
def usual() -> SimpleNamespace:
    """30 patients with two images each; one good label, one middling, one with one class only, one without labels."""
    generator = np.random.default_rng(5)
    labels = (generator.random((60, 4)) < 0.4).astype(np.float32)
    scores = np.clip(generator.normal(0.35 + 0.25 * labels, 0.18), 0.01, 0.99).astype(np.float32)
    labels[generator.random((60, 4)) < 0.1] = np.nan
    labels[:, 2] = 0
    labels[:, 3] = np.nan
    return SimpleNamespace(dataset=FakeDataset(scores, labels), classifier=FakeClassifier())
