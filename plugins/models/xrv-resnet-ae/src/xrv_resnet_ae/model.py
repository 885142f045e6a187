"""A ResNet and its mirror image as an autoencoder, with the weights of TorchXRayVision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core import AutoencoderSpec
from xrv_core.models import ImageAutoencoder, load_into, load_state_dict

__all__ = ["ResNetAutoencoder", "resnet_autoencoder"]

#: Stages of the encoder: blocks, width, step of the first block; the last stage makes 3 x 3 of 14 x 14 pixels.
_DOWN = ((3, 64, 1), (4, 128, 2), (23, 256, 2), (2, 128, 6))
#: Stages of the decoder: blocks, width, step of the last block; the first stage makes 14 x 14 of 3 x 3 pixels.
_UP = ((2, 128, 6), (23, 64, 2), (4, 32, 2), (3, 16, 2))
#: Names of the parts of the decoder in the published file.
_DECODER = ("uplayer", "conv1_1.")


class ResNetAutoencoder(ImageAutoencoder):
    """The autoencoder ``resnet101-elastic``: 224 x 224 pixels to 512 x 3 x 3 numbers, and back. Not for medical use.

    Source: Cohen et al., Gifsplanation via Latent Shift, arXiv:2102.09475.

    Args:
        spec: Its spec.
    """

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__(spec)
        self.encoder = _encoder()
        self.decoder = _decoder(self.code_shape[0])

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        code: torch.Tensor = self.encoder(x)
        return code

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.decoder(z)
        return image


def resnet_autoencoder(spec: AutoencoderSpec, weights: Path | None = None) -> ResNetAutoencoder:
    """Build the autoencoder of a spec.

    Args:
        spec: Resolution and shape of the code.
        weights: The published file, or a state dict of a ``ResNetAutoencoder``; None leaves the
            random initialisation, in training mode.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    model = ResNetAutoencoder(spec)
    if weights is not None:
        load_into(model, _own_keys(load_state_dict(weights)), weights)
        model.eval()
    return model


def _own_keys(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The keys of ours: the published file has no prefix for the two halves, and two names for a shortcut."""
    if any(key.startswith("decoder.") for key in state):
        return dict(state)
    return {
        f"{'decoder' if key.startswith(_DECODER) else 'encoder'}."
        + key.replace(".downsample.", ".shortcut.").replace(".upsample.", ".shortcut."): tensor
        for key, tensor in state.items()
    }


def _encoder() -> nn.Sequential:
    """The stem of any ResNet, then four stages whose first block may reduce; each gives four times its width."""
    network = nn.Sequential()
    network.add_module("conv1", nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False))
    network.add_module("bn1", nn.BatchNorm2d(64))
    network.add_module("relu", nn.ReLU(inplace=True))
    network.add_module("maxpool", nn.MaxPool2d(3, stride=2, padding=1))
    inside = 64
    for i, (blocks, width, step) in enumerate(_DOWN, start=1):
        out = 4 * width
        same = [_Block(out, width, out) for _ in range(blocks - 1)]
        network.add_module(f"layer{i}", nn.Sequential(_Block(inside, width, out, step), *same))
        inside = out
    return network


def _decoder(inside: int) -> nn.Sequential:
    """Four stages whose last block enlarges and gives twice its width; one more enlargement; one convolution."""
    network = nn.Sequential()
    for i, (blocks, width, step) in enumerate(_UP, start=1):
        same = [_Block(inside, width, inside) for _ in range(blocks - 1)]
        network.add_module(f"uplayer{i}", nn.Sequential(*same, _Block(inside, width, 2 * width, step, up=True)))
        inside = 2 * width
    network.add_module("uplayer_top", _Block(inside, 64, 64, 2, up=True))
    network.add_module("conv1_1", nn.ConvTranspose2d(64, 1, 1, bias=False))
    return network


class _Block(nn.Module):
    """A bottleneck that keeps the size, reduces it, or (``up``) enlarges it: side ``n`` to ``(n - 1) * step + 2``.

    Unlike the usual one (timm's, torchvision's), it has a ReLU before the sum as well as after it.
    """

    def __init__(self, inside: int, width: int, out: int, step: int = 1, *, up: bool = False) -> None:
        super().__init__()
        kind = nn.ConvTranspose2d if up else nn.Conv2d
        stride: dict[str, Any] = {"stride": step, "bias": False} | ({"output_padding": 1} if up else {})
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = kind(width, width, 3, padding=1, **stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if step != 1 or inside != out:
            self.shortcut = nn.Sequential(kind(inside, out, 1, **stride), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = F.relu(self.bn3(self.conv3(y)))
        return F.relu(y + self.shortcut(x))
