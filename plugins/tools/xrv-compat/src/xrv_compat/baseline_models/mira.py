"""MIRA's classifier of sex."""

from __future__ import annotations

import torch
from torch import nn

from xrv_compat.resnets import ResNetBaseline

__all__ = ["SexModel"]


class SexModel(ResNetBaseline):
    """torchxrayvision's ``SexModel``, which gives logits; new code: ``xrv_core.get_classifier("sex")``."""

    key = "mira.SexModel"
    architecture = "resnet34"
    targets = ["Male", "Female"]  # noqa: RUF012  # torchxrayvision's

    def normalisation(self) -> nn.Module:
        """Grey levels 0..255."""
        return _GreyLevels()


class _GreyLevels(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 255 * x
