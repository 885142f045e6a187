"""From logits to values: activations, and the calibration by operating points."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from xrv_core.errors import ArgumentError

__all__ = ["activated", "apply_operating_points", "handed_out", "masked"]


def activated(logits: torch.Tensor, activation: str) -> torch.Tensor:
    """Values of ``logits`` ``[B, C, ...]``; "softmax" runs over C.

    Args:
        logits: The output of the network.
        activation: One of ``xrv_core.specs.models.ACTIVATIONS``.
    """
    if activation == "identity":
        return logits
    return logits.sigmoid() if activation == "sigmoid" else logits.softmax(1)


def handed_out(x: torch.Tensor) -> torch.Tensor:
    """``x`` for a caller who may change it in place: the last layer may need its own output in ``backward``."""
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return x.clone() if x.requires_grad and not tracing else x


def masked(out: torch.Tensor, trained: Sequence[bool]) -> torch.Tensor:
    """``out`` ``[B, P]`` with NaN in untrained columns; their gradient is 0."""
    if all(trained):
        return out
    return out.masked_fill(torch.tensor([not t for t in trained], device=out.device), torch.nan)


def apply_operating_points(probabilities: torch.Tensor, op_threshs: torch.Tensor) -> torch.Tensor:
    """Stretch each column so that its operating point becomes 0.5.

    With probability ``p`` and operating point ``t``: ``p / 2t`` if ``p <= t``, else
    ``1 - (1 - p) / 2(1 - t)``. Piecewise linear and continuous; 0, ``t`` and 1 go to 0, 0.5 and 1.
    Source: Cohen et al., TorchXRayVision, arXiv:2111.00595, Eq. 1.

    Args:
        probabilities: ``[..., P]`` in 0..1, such as the sigmoid of logits.
        op_threshs: ``[P]`` in ]0, 1[; NaN where a column has no operating point.

    Returns:
        ``[..., P]`` in 0..1, differentiable in ``probabilities``. A column without operating point
        is NaN; its gradient is 0 and not NaN, so that the other columns can still be trained.

    Raises:
        ArgumentError: The shapes do not fit together.
    """
    if op_threshs.ndim != 1 or not probabilities.ndim or probabilities.shape[-1] != op_threshs.shape[0]:
        raise ArgumentError(
            f"op_threshs of shape {list(op_threshs.shape)} do not fit probabilities of shape "
            f"{list(probabilities.shape)}: give one operating point for each column."
        )
    known = ~torch.isnan(op_threshs)
    # A NaN in the arithmetic would make the gradient NaN too, because 0 * NaN is NaN
    t = torch.where(known, op_threshs, 0.5)
    below = probabilities / (2 * t)
    above = 1 - (1 - probabilities) / (2 * (1 - t))
    return torch.where(known, torch.where(probabilities <= t, below, above), torch.nan)
