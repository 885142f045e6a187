"""``xrv.autoencoders``: torchxrayvision's autoencoder, in its own layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

import xrv_core
from xrv_compat.adopted import batch, published, weights_file
from xrv_compat.networks import Bottleneck, DeconvBottleneck, enlarging, stage_down, stage_up
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_core.errors import ArgumentError, InputError, UnknownName
from xrv_core.models import load_into

__all__ = ["Bottleneck", "DeconvBottleneck", "ResNetAE", "ResNetAE50", "ResNetAE101", "_ResNetAE", "model_urls"]

#: Facts about the weights, by name.
model_urls = urls_of(xrv_core.describe_autoencoder, ("101-elastic",))


class _ResNetAE(nn.Module):
    """A ResNet and its mirror image, with random weights.

    Args:
        num_layers: Blocks in each of the four stages.

    Attributes:
        weights: Name of the weights; None if they are random.
    """

    weights: str | None = None

    def __init__(self, num_layers: Sequence[int] = (3, 4, 23, 2)) -> None:
        super().__init__()
        first, second, third, fourth = num_layers
        self.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage_down(64, 64, first)
        self.layer2 = stage_down(256, 128, second, 2)
        self.layer3 = stage_down(512, 256, third, 2)
        self.layer4 = stage_down(1024, 128, fourth, 6)
        self.uplayer1 = stage_up(512, 128, fourth, 6)
        self.uplayer2 = stage_up(256, 64, third, 2)
        self.uplayer3 = stage_up(128, 32, second, 2)
        self.uplayer4 = stage_up(64, 16, first, 2)
        self.uplayer_top = DeconvBottleneck(32, 64, 1, 2, enlarging(32, 64, 2))
        self.conv1_1 = nn.ConvTranspose2d(64, 1, 1, bias=False)

    def encode(self, x: torch.Tensor, check_resolution: bool = True) -> torch.Tensor:
        """Images ``[B, 1, H, W]`` to codes ``[B, 512, h, w]``.

        Args:
            x: In [-1024, 1024] for published weights.
            check_resolution: Refuse other sizes than that of published weights.

        Raises:
            InputError: Another size.
        """
        x = batch(x).to(self.conv1.weight.dtype)
        if check_resolution and self.weights is not None:
            side = model_urls[self.weights]["resolution"]
            if tuple(x.shape[-2:]) != (side, side):
                raise InputError(
                    f"Input size {x.shape[-2]} x {x.shape[-1]} is not the native resolution ({side} x {side}) of this "
                    "model. Resize the images, or call encode(x, check_resolution=False)."
                )
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).clone()  # the program may change it in place

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """``encode``."""
        return self.encode(x)

    def decode(self, x: torch.Tensor, image_size: Sequence[int] = (1, 1, 224, 224)) -> torch.Tensor:
        """Codes to images; with published weights in [-1024, 1024].

        Raises:
            ArgumentError: The code gives images of another size than ``image_size``.
        """
        for stage in (self.uplayer1, self.uplayer2, self.uplayer3, self.uplayer4, self.uplayer_top):
            x = stage(x)
        side = tuple(x.shape[-2:])
        if tuple(image_size[-2:]) != side:
            raise ArgumentError(f"image_size={tuple(image_size)}: images of this code are {side[0]} x {side[1]}.")
        image = self.conv1_1(x)
        return image if self.weights is None else image.clamp(-1024, 1024)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """``{"z": code, "out": image}``."""
        z = self.encode(x)
        size = batch(x).shape if self.weights is None else (1, 1, 224, 224)
        return {"z": z.clone(), "out": self.decode(z, size)}

    def __repr__(self) -> str:
        return "XRV-ResNetAE" if self.weights is None else f"XRV-ResNetAE-{self.weights}"


def ResNetAE50() -> _ResNetAE:
    """The smaller network, with random weights."""
    return _ResNetAE((3, 4, 6, 3))


def ResNetAE101() -> _ResNetAE:
    """The network of the published weights, with random ones."""
    return _ResNetAE()


class ResNetAE(_ResNetAE):
    """torchxrayvision's ``ResNetAE``; new code: ``xrv_core.get_autoencoder("resnet101-elastic")``.

    Args:
        weights: "101-elastic", or None for random ones.
        cache_dir: Folder where a file of the published name is used if it exists.

    Attributes:
        weights_metadata: What ``model_urls`` says about the weights, if there are any.
        description: Facts about them.
    """

    def __init__(self, weights: str | None = None, cache_dir: str | None = None) -> None:
        warn_once("autoencoders.ResNetAE")
        super().__init__()
        if weights is None:
            return
        if weights not in model_urls:
            raise UnknownName(f"weights={weights!r}: must be one of {', '.join(model_urls)}.")
        path = weights_file(xrv_core.describe_autoencoder(weights), cache_dir)
        load_into(self, _theirs(published(path, [(r"(?:en|de)coder\.", "")])), path)
        self.weights = weights
        self.weights_metadata: dict[str, Any] = model_urls[weights]
        self.description: str = self.weights_metadata["description"]
        self.eval()


def _theirs(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The keys of a file that xrv_core has saved, which has one name for both kinds of shortcut."""
    return {
        key.replace(".shortcut.", ".upsample." if key.startswith("uplayer") else ".downsample."): tensor
        for key, tensor in state.items()
    }
