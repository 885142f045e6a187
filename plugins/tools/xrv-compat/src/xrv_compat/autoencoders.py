"""``xrv.autoencoders``: torchxrayvision's autoencoder on that of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import xrv_core
from xrv_compat.adopted import batch, weights_of
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_core.errors import ArgumentError, UnknownName

__all__ = ["AdoptedAutoencoder", "ResNetAE", "model_urls"]

#: Facts about the weights, by name.
model_urls = urls_of(xrv_core.describe_autoencoder, ("101-elastic",))


class AdoptedAutoencoder(nn.Module):
    """An autoencoder of the registry, which is ``model``.

    Attributes:
        weights: Name of the weights; None if they are random or from a file of the caller.
        description: Facts about them.
        resolution: Height and width of resized images.
    """

    prints = ""

    def __init__(self, name: str, weights: str | Path | None) -> None:
        super().__init__()
        self.model: Any = xrv_core.get_autoencoder(name, weights=weights)
        self.weights: str | None = None
        self.description = f"{self.model.spec.title}. {self.model.spec.description}"
        self.resolution = self.model.input_resolution

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Images ``[B, 1, H, W]`` in [-1024, 1024] to codes."""
        code: torch.Tensor = self.model.encode(batch(x))
        return code

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Codes to images ``[B, 1, R, R]`` in [-1024, 1024]."""
        image: torch.Tensor = self.model.decode(z)
        return image

    def __repr__(self) -> str:
        return self.prints


class ResNetAE(AdoptedAutoencoder):
    """torchxrayvision's ``ResNetAE``; new code: ``xrv_core.get_autoencoder("resnet101-elastic")``.

    Args:
        weights: "101-elastic", or None for random ones.
        cache_dir: Folder where a file of the published name is used if it exists.
    """

    def __init__(self, weights: str | None = None, cache_dir: str | None = None) -> None:
        warn_once("autoencoders.ResNetAE")
        if weights is not None and weights not in model_urls:
            raise UnknownName(f"weights={weights!r}: must be one of {', '.join(model_urls)}.")
        spec = xrv_core.describe_autoencoder("101-elastic")
        super().__init__(spec.name, None if weights is None else weights_of(spec, cache_dir))
        self.weights = weights
        self.prints = "XRV-ResNetAE" if weights is None else f"XRV-ResNetAE-{weights}"

    def encode(self, x: torch.Tensor, check_resolution: bool = True) -> torch.Tensor:
        """Images to codes ``[B, 512, 3, 3]``; other sizes are resized, with or without ``check_resolution``."""
        return super().encode(x)

    features = encode

    def decode(self, x: torch.Tensor, image_size: Sequence[int] = (1, 1, 224, 224)) -> torch.Tensor:
        """Codes to images ``[B, 1, 224, 224]`` in [-1024, 1024]."""
        if tuple(image_size[-2:]) != (self.resolution, self.resolution):
            raise ArgumentError(f"image_size={tuple(image_size)}: images are {self.resolution} x {self.resolution}.")
        return super().decode(x)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """``{"z": code, "out": image}``."""
        z = self.encode(x)
        return {"z": z, "out": self.decode(z)}
