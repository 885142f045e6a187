"""Say in words how the outputs of two models differ, and make the images that go in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch.nn import functional as F

__all__ = ["Tensors", "differences", "one_image", "xray_like"]

#: What a model gives, by name: ``{"out": logits}``, ``{"z": code, "out": image}``.
Tensors = Mapping[str, torch.Tensor]


def xray_like(count: int, side: int, seed: int) -> torch.Tensor:
    """``[count, 1, side, side]``: smooth random images in [-1024, 1024], the same ones for each seed.

    Pixels have 8 bits of precision, so that they are the same in float32, float16 and bfloat16.
    """
    coarse = torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2048 - 1024
    return F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True).bfloat16().float()


def one_image(tensors: Tensors, index: int) -> Tensors:
    """What belongs to one image of a batch, as a batch of one."""
    return {name: tensor[index : index + 1] for name, tensor in tensors.items()}


def differences(found: Tensors, expected: Tensors, share: float) -> Iterator[str]:
    """A sentence for every output that is not as expected.

    Args:
        found: Outputs by name; NaN equals NaN, and infinite values are never equal.
        expected: What they should be; compared in float32.
        share: Largest difference that is let through, as a share of the largest absolute value expected.
    """
    if set(found) != set(expected):
        yield f"it gives {sorted(found)} instead of {sorted(expected)}"
        return
    for name, wanted in expected.items():
        one = found[name]
        if one.shape != wanted.shape:
            yield f"{name!r} has the shape {list(one.shape)} instead of {list(wanted.shape)}"
            continue
        a, b = one.detach().float().cpu(), wanted.detach().float().cpu()
        if not torch.equal(a.isnan(), b.isnan()) or not a.nan_to_num().isfinite().all():
            yield f"{name!r} has {int((a.isnan() & ~b.isnan()).sum())} NaN and {int(a.isinf().sum())} infinite values"
            continue
        largest = float((a - b).nan_to_num().abs().max()) if a.numel() else 0.0
        scale = float(b.nan_to_num().abs().max()) if b.numel() else 0.0
        if largest > share * scale:
            yield f"{name!r} differs by up to {largest:.3g}, where values go up to {scale:.3g}"
