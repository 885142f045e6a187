"""The network of JF Healthcare below its heads: DenseNet-121, pyramid attention, one feature vector a finding."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core.torchvision_guard import import_timm

__all__ = ["CHANNELS", "PerFindingFeatures"]

#: Feature maps of DenseNet-121.
CHANNELS = 1024


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class PyramidAttention(nn.Module):
    """Feature pyramid attention: maps weighted by one attention map of three scales, plus their global context.

    Source: Li et al., Pyramid Attention Network for Semantic Segmentation, BMVC 2018, arXiv:1805.10180, with the
    variations of jfhealthcare/Chexpert (a ReLU after each normalisation, one convolution on the way up).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.context = _conv(channels, channels, 1)
        self.local = _conv(channels, channels, 1)
        self.down1, self.up1 = _conv(channels, 1, 7, stride=2), _conv(1, 1, 7)
        self.down2, self.up2 = _conv(1, 1, 5, stride=2), _conv(1, 1, 5)
        self.down3, self.up3 = _conv(1, 1, 3, stride=2), _conv(1, 1, 3)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """``[B, C, h, w]`` to the same shape."""
        half = self.down1(maps)
        quarter = self.down2(half)
        weight = _resized(self.up3(self.down3(quarter)), quarter)
        weight = _resized(self.up2(quarter) + weight, half)
        weight = _resized(self.up1(half) + weight, maps)
        out: torch.Tensor = weight * self.local(maps) + self.context(maps.mean((2, 3), keepdim=True))
        return out


def _resized(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(maps, size=like.shape[2:], mode="bilinear")


class PerFindingFeatures(nn.Module):
    """A feature vector for each finding, the input of its head.

    The attention is one module that is applied again for every finding, to its own output: once for
    the first finding, five times for the fifth. Average and maximum of the maps, side by side and
    normalised, are the finding's features.

    Args:
        findings: Number of findings.
    """

    def __init__(self, findings: int) -> None:
        super().__init__()
        self.densenet = import_timm().create_model("densenet121", pretrained=False, num_classes=0)
        self.attention = PyramidAttention(CHANNELS)
        self.norms = nn.ModuleList(nn.BatchNorm1d(2 * CHANNELS) for _ in range(findings))

    def maps(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """``[B, 1024, 16, 16]`` for each finding, from ``[B, 3, 512, 512]``."""
        maps = self.densenet.forward_features(x)
        for _ in self.norms:
            maps = self.attention(maps)
            yield maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, findings * 2048]`` from ``[B, 3, 512, 512]``, finding after finding."""
        pooled = (torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1) for maps in self.maps(x))
        return torch.cat([norm(each) for norm, each in zip(self.norms, pooled, strict=True)], 1)
