"""The classifier of views."""

from __future__ import annotations

import torch

from xrv_compat.resnets import ResNetBaseline

__all__ = ["ViewModel"]


class ViewModel(ResNetBaseline):
    """torchxrayvision's ``ViewModel``, which gives logits; new code: ``xrv_core.get_classifier("view")``."""

    _key = "xinario.ViewModel"
    _architecture = "resnet50"
    targets = ["Frontal", "Lateral"]  # noqa: RUF012  # torchxrayvision's

    def __init__(self) -> None:
        super().__init__()

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return super()._logits(x)[:, :2]  # the network has ImageNet's 1000 outputs; these were trained
