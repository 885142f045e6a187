"""MIRA's classifier of sex."""

from __future__ import annotations

import torch
from torch import nn

from xrv_compat.resnets import ResNetBaseline

__all__ = ["SexModel"]


class SexModel(ResNetBaseline):
    """torchxrayvision's ``SexModel``, which gives logits; new code: ``xrv_core.get_classifier("sex")``."""

    _key = "mira.SexModel"
    _architecture = "resnet34"
    targets = ["Male", "Female"]  # noqa: RUF012  # torchxrayvision's

    def _normalisation(self) -> nn.Module:
        return _GreyLevels()


class _GreyLevels(nn.Module):
    """From 0..1 to 0..255."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 255 * x
