"""Networks of somebody's own, as a package of theirs would build them."""

from __future__ import annotations

import torch
from torch import nn

from xrv_core.models import BackboneClassifier

CALLS: list[str] = []


class Tiny(nn.Module):
    """One convolution; any size."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, width, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x / 1024).relu()


def tiny(spec, weights=None) -> BackboneClassifier:
    CALLS.append(spec.name)
    return BackboneClassifier(Tiny(), spec.pathologies, spec=spec)


def wide(spec, weights=None) -> BackboneClassifier:
    return BackboneClassifier(Tiny(5), spec.pathologies, spec=spec)


def doubling(spec, weights=None) -> BackboneClassifier:
    """The same tensors as ``tiny``, and other outputs."""
    return BackboneClassifier(Tiny(), spec.pathologies, spec=spec, adapt=lambda x: x * 2)


def alone(spec, weights=None) -> nn.Module:
    return Alone(list(spec.pathologies))


class Alone(nn.Module):
    """A classifier that is no BackboneClassifier."""

    def __init__(self, pathologies: list[str]) -> None:
        super().__init__()
        self.pathologies, self.trained, self.op_threshs = pathologies, [True] * len(pathologies), None
        self.input_resolution = 8
        self.layer = nn.Linear(64, len(pathologies))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1) / 1024)

    features = feature_maps = forward

    def predict(self, x: torch.Tensor) -> dict[str, float]:
        return dict(zip(self.pathologies, self(x[None])[0].sigmoid().tolist(), strict=True))
