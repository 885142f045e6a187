"""The VQGAN autoencoders."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

import xrv_core
from xrv_compat.adopted import batch, native_input, weights_of
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_core.errors import UnknownName

__all__ = ["VQGAN", "model_urls"]

#: Facts about the weights, by name.
model_urls = urls_of(xrv_core.describe_autoencoder, ("cxr2-vqgan-768-sd", "cxr2-vqgan-768-msdd"))


class VQGAN(nn.Module):
    """torchxrayvision's ``VQGAN``; new code: ``xrv_core.get_autoencoder("vqgan-768-sd")``.

    Args:
        weights: A key of ``model_urls``; it is also the kind of ``ckpt_path``.
        ckpt_path: A checkpoint of the caller.
        yaml_path: Ignored: the checkpoint shows the layers.
        cache_dir: Folder where a file of the published name is used if it exists.

    Attributes:
        model: The autoencoder of the registry.
        weights: Name of the weights; None for a checkpoint of the caller.
        resolution: Height and width of resized images.
    """

    def __init__(
        self,
        weights: str = "cxr2-vqgan-768-sd",
        ckpt_path: str | None = None,
        yaml_path: str | None = None,
        cache_dir: str | None = None,
    ) -> None:
        warn_once("baseline_models.ieee8023.VQGAN")
        if weights not in model_urls:
            raise UnknownName(f"weights={weights!r}: must be one of {', '.join(model_urls)}.")
        super().__init__()
        spec = xrv_core.describe_autoencoder(weights)
        own = ckpt_path is not None
        self.model: Any = xrv_core.get_autoencoder(weights, ckpt_path if own else weights_of(spec, cache_dir))
        self.model._prepare = partial(native_input, resolution=spec.input_resolution)  # warns where the core refuses
        self.resolution = spec.input_resolution
        self.weights: str | None = None
        if not own:
            self.weights, self.weights_metadata = weights, model_urls[weights]
            self.description = self.weights_metadata["description"]

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Images ``[B, 1, H, W]`` in [-1024, 1024] to codes."""
        code: torch.Tensor = self.model.encode(batch(x).to(next(self.parameters(), x).dtype))
        return code

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Codes to images ``[B, 1, R, R]`` in [-1024, 1024]."""
        image: torch.Tensor = self.model.decode(z)
        return image

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstructed images ``[B, 1, 768, 768]``."""
        return self.decode(self.encode(x))

    def __repr__(self) -> str:
        return self.weights or "VQGAN"
