"""Checks that only segmenters know: masks at the size of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from xrv_core.models.base import activated
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.common.tensors import differences, xray_like
from xrv_core.testing.models.gradients import training
from xrv_core.testing.models.inputs import ROUNDING
from xrv_core.testing.models.predictions import left_by_predict, name_faults

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]


def names(subject: ModelSubject) -> Iterator[str]:
    """``structures`` are different names, those of the spec."""
    yield from name_faults(subject, "structures")


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives finite logits ``[B, K, h, w]``."""
    with torch.no_grad():
        out = subject.model(subject.batch.clone())
    if not isinstance(out, torch.Tensor):
        yield f"it gives a {type(out).__name__}, not a tensor"
    elif out.ndim != 4 or list(out.shape[:2]) != [3, len(subject.model.structures)] or out.dtype != torch.float32:
        wanted = f"[3, {len(subject.model.structures)}, h, w]"
        yield f"it gives {out.dtype} {list(out.shape)} instead of torch.float32 {wanted}"
    elif not out.isfinite().all():
        yield "some logits are not finite"


def predict(subject: ModelSubject) -> Iterator[str]:
    """``predict`` gives float32 maps in 0..1 by name, at the size of the image, square or not."""
    subject.outputs  # noqa: B018
    side = subject.side + 6
    wide = xray_like(1, side, seed=2)[..., : side - side // 8, :]
    calls: list[tuple[str, Any]] = [
        ("an image [1, H, W]", subject.odd[0]),
        ("a numpy array [H, W], not square", wide[0, 0].numpy().copy()),
    ]
    for what, x in calls:
        found = subject.model.predict(x)
        yield from (f"predict of {what} {fault}" for fault in _map_faults(subject, found, list(x.shape[-2:])))
    batch = subject.model.predict(subject.batch[:2].clone())
    if not isinstance(batch, list) or len(batch) != 2:
        yield f"predict of a batch of 2 gives a {type(batch).__name__}, not a list of 2"
        return
    for found in batch:
        yield from (f"predict of a batch {fault}" for fault in _map_faults(subject, found, [subject.side] * 2))


def _map_faults(subject: ModelSubject, found: Any, size: list[int]) -> Iterator[str]:
    names = subject.model.structures
    if not isinstance(found, dict) or list(found) != names:
        yield f"gives {list(found)[:4] if isinstance(found, dict) else type(found).__name__}, not a dict of {names[:4]}"
        return
    for name, mask in found.items():
        if mask.dtype != torch.float32 or list(mask.shape) != size:
            yield f"gives {mask.dtype} {list(mask.shape)} for {name!r} instead of torch.float32 {size}"
        elif not (mask.isfinite().all() and mask.min() >= 0 and mask.max() <= 1):
            yield f"gives values from {mask.min():g} to {mask.max():g} for {name!r}: they are no probabilities"


def activation(subject: ModelSubject) -> Iterator[str]:
    """``predict`` applies the activation of the spec to the logits."""
    told = getattr(subject.told or subject.model, "activation", "sigmoid")
    out = subject.outputs["out"][:1]
    if list(out.shape[2:]) != [subject.side] * 2:
        raise NotApplicable("its logits have another size than the image, and are resized")
    found = subject.model.predict(subject.batch[0].clone())
    wanted = activated(out, told)[0].clamp(0, 1)
    maps = {"predict": torch.stack(list(found.values()))}
    yield from (f"against {told} of the logits, {d}" for d in differences(maps, {"predict": wanted}, ROUNDING))


def predict_leaves(subject: ModelSubject) -> Iterator[str]:
    """``predict`` leaves modes, weights, statistics and gradients as they are."""
    yield from left_by_predict(subject)


CHECKS: tuple[Check, ...] = (names, forward, predict, activation, predict_leaves, training)
