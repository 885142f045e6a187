"""The classifier of views."""

from __future__ import annotations

import torch

from xrv_compat.resnets import ResNetBaseline

__all__ = ["ViewModel"]


class ViewModel(ResNetBaseline):
    """torchxrayvision's ``ViewModel``, which gives logits; new code: ``xrv_core.get_classifier("view")``."""

    key = "xinario.ViewModel"
    architecture = "resnet50"
    targets = ["Frontal", "Lateral"]  # noqa: RUF012  # torchxrayvision's

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, 2]``: the outputs that were trained, of a network that has ImageNet's 1000."""
        return super().forward(x)[:, :2]
