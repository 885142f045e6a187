"""The resize that torchxrayvision's models were trained with, in torch: equal results, several times faster.

``skimage.transform.resize(x, (1, H, W), mode="constant", preserve_range=True)`` smooths with a Gaussian of
sigma (n / m - 1) / 2 along every axis that shrinks from n to m pixels, then samples linearly at half-pixel
centres; outside the image everything is 0, which is mid-grey here. Both steps are linear and separable, so
each axis is one banded matrix, built once for each pair of sizes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

__all__ = ["axis_weights", "resize_exact"]

_TRUNCATE = 4.0  # scipy.ndimage cuts the Gaussian here, in sigmas
_BLOCK = 16  # output pixels in one matrix product: small keeps the band tight, large keeps the calls few


class _Block(NamedTuple):
    """Consecutive output pixels, and the range of input pixels that they depend on."""

    start: int
    stop: int
    weights: NDArray[np.float64]  # [output pixels, stop - start]


def resize_exact(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize the last two axes with scikit-image's anti-aliasing, differentiably.

    The result equals ``skimage.transform.resize`` (see the module) up to float32 rounding. As in scikit-image,
    each image is clipped to its own range, and an image that already has the size is returned unchanged.

    Args:
        x: ``[..., h, w]``; integers and half precision are computed in float32.
        size: ``(H, W)`` of the result, each at least 1.

    Returns:
        ``[..., H, W]``, float32, or float64 where ``x`` is.
    """
    import torch

    if x.dtype not in (torch.float32, torch.float64):
        x = x.float()
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    fixed = x.detach()
    low, high = fixed.amin((-2, -1), keepdim=True), fixed.amax((-2, -1), keepdim=True)
    y = torch.cat([w @ x[..., a:b, :] for a, b, w in _tensors(x, -2, size[0])], dim=-2)
    y = torch.cat([y[..., a:b] @ w.T for a, b, w in _tensors(y, -1, size[1])], dim=-1)
    return torch.clamp(y, low, high)


def _tensors(x: torch.Tensor, axis: int, new: int) -> list[tuple[int, int, torch.Tensor]]:
    import torch

    blocks = _blocks(x.shape[axis], new)
    return [(b.start, b.stop, torch.from_numpy(b.weights).to(x)) for b in blocks]


@lru_cache(maxsize=64)
def _blocks(old: int, new: int) -> tuple[_Block, ...]:
    """``axis_weights`` in blocks, without the zeros at both sides."""
    weights = axis_weights(old, new)
    blocks = []
    for first in range(0, new, _BLOCK):
        rows = weights[first : first + _BLOCK]
        used = np.flatnonzero(rows.any(axis=0))
        start, stop = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        blocks.append(_Block(start, stop, np.ascontiguousarray(rows[:, start:stop])))
    return tuple(blocks)


def axis_weights(old: int, new: int) -> NDArray[np.float64]:
    """Weights ``[new, old]`` that turn ``old`` pixels along one axis into ``new``."""
    factor = old / new
    sigma = max(0.0, (factor - 1) / 2)
    radius = int(_TRUNCATE * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 / sigma**2 * offsets**2) if radius else np.ones(1)
    kernel /= kernel.sum()
    centres = (np.arange(new) + 0.5) * factor - 0.5
    left = np.floor(centres).astype(int)
    weights = np.zeros((new, old))
    for neighbour, share in ((left, left + 1 - centres), (left + 1, centres - left)):
        rows = np.flatnonzero((neighbour >= 0) & (neighbour < old))  # the smoothed image is also 0 outside
        columns = neighbour[rows, None] + offsets
        inside = (columns >= 0) & (columns < old)
        values = share[rows, None] * kernel
        np.add.at(weights, (np.broadcast_to(rows[:, None], columns.shape)[inside], columns[inside]), values[inside])
    return weights
