"""The layers of torchxrayvision's own networks under its names, so that its state dicts fit and programs find them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "Bottleneck",
    "DeconvBottleneck",
    "dense_features",
    "enlarging",
    "residual",
    "stage_down",
    "stage_up",
]


def _norm_relu_conv(number: str, inside: int, outside: int, side: int) -> dict[str, nn.Module]:
    return {
        f"norm{number}": nn.BatchNorm2d(inside),
        f"relu{number}": nn.ReLU(inplace=True),
        f"conv{number}": nn.Conv2d(inside, outside, side, padding=side // 2, bias=False),
    }


def _extend(network: nn.Sequential, layers: dict[str, nn.Module]) -> None:
    for name, layer in layers.items():
        network.add_module(name, layer)


class _DenseLayer(nn.Sequential):
    """``[B, C, h, w]`` to ``[B, C + growth_rate, h, w]``: the input, and what two convolutions make of it."""

    def __init__(self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.drop_rate = drop_rate
        _extend(self, _norm_relu_conv("1", num_input_features, bn_size * growth_rate, 1))
        _extend(self, _norm_relu_conv("2", bn_size * growth_rate, growth_rate, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        new = super().forward(x)
        if self.drop_rate > 0:
            new = F.dropout(new, p=self.drop_rate, training=self.training)
        return torch.cat([x, new], 1)


class _DenseBlock(nn.Sequential):
    """``num_layers`` dense layers, each of which adds ``growth_rate`` maps."""

    def __init__(
        self, num_layers: int, num_input_features: int, bn_size: int, growth_rate: int, drop_rate: float
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            layer = _DenseLayer(num_input_features + i * growth_rate, growth_rate, bn_size, drop_rate)
            self.add_module(f"denselayer{i + 1}", layer)


class _Transition(nn.Sequential):
    """Fewer maps, at half the resolution."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        _extend(self, _norm_relu_conv("", num_input_features, num_output_features, 1))
        self.add_module("pool", nn.AvgPool2d(2, stride=2))


def dense_features(  # noqa: PLR0917  # as in torchxrayvision
    in_channels: int, num_init_features: int, blocks: Sequence[int], growth_rate: int, bn_size: int, drop_rate: float
) -> nn.Sequential:
    """The layers of a DenseNet up to its last normalisation, ``norm5``, which tells the number of maps."""
    network = nn.Sequential()
    _extend(
        network,
        {
            "conv0": nn.Conv2d(in_channels, num_init_features, 7, stride=2, padding=3, bias=False),
            "norm0": nn.BatchNorm2d(num_init_features),
            "relu0": nn.ReLU(inplace=True),
            "pool0": nn.MaxPool2d(3, stride=2, padding=1),
        },
    )
    maps = num_init_features
    for i, layers in enumerate(blocks, start=1):
        network.add_module(f"denseblock{i}", _DenseBlock(layers, maps, bn_size, growth_rate, drop_rate))
        maps += layers * growth_rate
        if i < len(blocks):
            network.add_module(f"transition{i}", _Transition(maps, maps // 2))
            maps //= 2
    network.add_module("norm5", nn.BatchNorm2d(maps))
    return network


def residual(name: str, outputs: int = 1000, *, in_channels: int = 3) -> Any:
    """The network of torchvision of that name with random weights; a grey one has a first convolution of its own."""
    from xrv_core.torchvision_guard import import_torchvision

    network = getattr(import_torchvision().models, name)(weights=None, num_classes=outputs)
    if in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    return network


class _Bottleneck(nn.Module):
    """Three convolutions beside a shortcut. Unlike torchvision's, it has a ReLU before the sum as well as after it."""

    #: Name of the layers of the shortcut.
    side = ""

    def __init__(
        self, inside: int, width: int, outside: int, middle: Callable[[], nn.Module], shortcut: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = middle()
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU()
        setattr(self, self.side, shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.relu(self.bn3(self.conv3(y)))
        shortcut = getattr(self, self.side)
        return self.relu(y + (x if shortcut is None else shortcut(x)))


class Bottleneck(_Bottleneck):
    """A block of the encoder: ``[B, in_channels, h, w]`` to ``4 * out_channels`` maps, reduced by ``stride``."""

    expansion = 4
    side = "downsample"

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        outside = self.expansion * out_channels
        middle = partial(nn.Conv2d, out_channels, out_channels, 3, stride, padding=1, bias=False)
        super().__init__(in_channels, out_channels, outside, middle, downsample)


class DeconvBottleneck(_Bottleneck):
    """A block of the decoder: to ``expansion * out_channels`` maps, of side ``(n - 1) * stride + 2`` if it enlarges."""

    side = "upsample"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion: int = 2,
        stride: int = 1,
        upsample: nn.Module | None = None,
    ) -> None:
        kind: Callable[..., nn.Module] = nn.Conv2d if stride == 1 else partial(nn.ConvTranspose2d, output_padding=1)
        middle = partial(kind, out_channels, out_channels, 3, stride, padding=1, bias=False)
        super().__init__(in_channels, out_channels, expansion * out_channels, middle, upsample)
        self.expansion = expansion


def enlarging(inside: int, outside: int, stride: int) -> nn.Sequential:
    """The shortcut of a block that enlarges."""
    conv = nn.ConvTranspose2d(inside, outside, 1, stride, output_padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside))


def stage_down(inside: int, width: int, blocks: int, stride: int = 1) -> nn.Sequential:
    """A stage of the encoder: its first block reduces, and the shortcut of that block follows."""
    outside = Bottleneck.expansion * width
    shortcut = None
    if stride != 1 or inside != outside:
        shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
    first = Bottleneck(inside, width, stride, shortcut)
    return nn.Sequential(first, *(Bottleneck(outside, width) for _ in range(blocks - 1)))


def stage_up(inside: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    """A stage of the decoder: its last block enlarges, to twice ``width`` maps; others have four times ``width``."""
    shortcut = enlarging(inside, 2 * width, stride)
    same = [DeconvBottleneck(inside, width, 4) for _ in range(blocks - 1)]
    return nn.Sequential(*same, DeconvBottleneck(inside, width, 2, stride, shortcut))
