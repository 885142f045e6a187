"""The VQGAN autoencoders."""

from __future__ import annotations

import torch

import xrv_core
from xrv_compat.adopted import weights_of
from xrv_compat.autoencoders import AdoptedAutoencoder
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_core.errors import UnknownName

__all__ = ["VQGAN", "model_urls"]

#: Facts about the weights, by name.
model_urls = urls_of(xrv_core.describe_autoencoder, ("cxr2-vqgan-768-sd", "cxr2-vqgan-768-msdd"))


class VQGAN(AdoptedAutoencoder):
    """torchxrayvision's ``VQGAN``; new code: ``xrv_core.get_autoencoder("vqgan-768-sd")``.

    Args:
        weights: A key of ``model_urls``; it is also the kind of ``ckpt_path``.
        ckpt_path: A checkpoint of the caller.
        yaml_path: Ignored: the checkpoint shows the layers.
        cache_dir: Folder where a file of the published name is used if it exists.
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
        own = ckpt_path is not None
        spec = xrv_core.describe_autoencoder(weights)
        super().__init__(weights, ckpt_path if own else weights_of(spec, cache_dir))
        self.weights = None if own else weights
        self.prints = "VQGAN" if own else weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstructed images ``[B, 1, 768, 768]``."""
        return self.decode(self.encode(x))
