"""The last layer of a classifier: what a new one gives."""

from __future__ import annotations

import torch
from torch import nn

from xrv_core.errors import ArgumentError
from xrv_core.models.base.eval_mode import in_eval_mode

__all__ = ["columns_of", "wraps"]


def columns_of(layer: nn.Module, width: int) -> int:
    """How many columns ``layer`` makes of features ``[B, width]``: 0 if it gives them back, as an ``Identity`` does.

    Raises:
        ArgumentError: It is no module, does not take such features, or does not give ``[B, columns]``.
    """
    if not isinstance(layer, nn.Module):
        raise ArgumentError(
            f"classifier must be a module that makes columns of {width} features, such as torch.nn.Linear({width}, 1); "
            f"got {type(layer).__name__}."
        )
    if isinstance(layer, nn.Linear) and layer.in_features not in (0, width):  # 0: a lazy one
        raise ArgumentError(
            f"classifier takes {layer.in_features} features, but the backbone gives {width}: "
            f"use torch.nn.Linear({width}, {layer.out_features})."
        )
    vectors = _vectors(layer, width)
    try:
        out = _run(layer, vectors)
    except Exception as error:  # any module can raise any error
        raise ArgumentError(
            f"classifier is a {type(layer).__name__} that does not take the features [B, {width}] of the backbone: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(out, torch.Tensor) or out.ndim != 2 or len(out) != len(vectors):
        got = list(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        raise ArgumentError(f"classifier gives {got} for features {list(vectors.shape)}, not one column a pathology.")
    back = not out.is_meta and out.shape == vectors.shape and torch.equal(out, vectors)
    return 0 if back else out.shape[1]


def wraps(layer: nn.Module, before: nn.Module, width: int) -> bool:
    """Whether ``layer`` contains ``before`` and gives the same, as ``before`` itself does."""
    if before not in layer.modules():
        return False
    vectors = _vectors(before, width)
    return layer is before or (not vectors.is_meta and torch.equal(_run(layer, vectors), _run(before, vectors)))


def _vectors(layer: nn.Module, width: int) -> torch.Tensor:
    """Two feature vectors, where and in the precision that ``layer`` takes."""
    like = next((p for p in layer.parameters() if p.is_floating_point()), torch.empty(0))
    return torch.randn(2, width, generator=torch.Generator().manual_seed(0)).to(like.device, like.dtype)


def _run(layer: nn.Module, vectors: torch.Tensor) -> torch.Tensor:
    with in_eval_mode(layer), torch.no_grad():
        out: torch.Tensor = layer(vectors)
    return out
