"""Emory's classifier of race."""

from __future__ import annotations

from typing import Any

from torch import nn

from xrv_compat.resnets import ResNetBaseline

__all__ = ["RaceModel"]


class RaceModel(ResNetBaseline):
    """torchxrayvision's ``RaceModel``, which gives log-softmax; new code: ``xrv_core.get_classifier("race")``."""

    _key = "emory_hiti.RaceModel"
    _architecture = "resnet34"
    _linear = "fc.0"
    targets = ["Asian", "Black", "White"]  # noqa: RUF012  # torchxrayvision's

    def __init__(self) -> None:
        super().__init__()

    def _network(self, outputs: int) -> Any:
        found = super()._network(outputs)
        found.fc = nn.Sequential(nn.Linear(found.fc.in_features, outputs), nn.LogSoftmax(dim=1))
        return found
