"""From logits to values, one way for every kind of model."""

from __future__ import annotations

import torch

__all__ = ["activated"]


def activated(logits: torch.Tensor, activation: str) -> torch.Tensor:
    """Values of ``logits`` ``[B, C, ...]``; "softmax" runs over C.

    Args:
        logits: What the network gives.
        activation: One of ``xrv_core.specs.models.ACTIVATIONS``.
    """
    if activation == "identity":
        return logits
    return logits.sigmoid() if activation == "sigmoid" else logits.softmax(1)
