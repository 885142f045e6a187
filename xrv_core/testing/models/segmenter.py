"""Checks that only segmenters have: masks at the size of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from xrv_core.models.base import activated
from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.models.outputs import ROUNDING, name_problems, predict_leaves, training
from xrv_core.testing.models.subject import ModelSubject, xray_like

__all__ = ["CHECKS"]


def names(subject: ModelSubject) -> Iterator[str]:
    """``structures`` are different names, those of the spec."""
    yield from name_problems(subject, "structures")


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives finite logits ``[B, K, h, w]``."""
    out = subject.raw_output
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
        yield from (f"predict of {what} {problem}" for problem in _map_problems(subject, found, list(x.shape[-2:])))
    batch = subject.model.predict(subject.batch[:2].clone())
    if not isinstance(batch, list) or len(batch) != 2:
        yield f"predict of a batch of 2 gives a {type(batch).__name__}, not a list of 2"
        return
    for found in batch:
        yield from (f"predict of a batch {problem}" for problem in _map_problems(subject, found, [subject.side] * 2))


def _map_problems(subject: ModelSubject, found: Any, size: list[int]) -> Iterator[str]:
    names = subject.model.structures
    if not isinstance(found, dict) or list(found) != names:
        yield f"gives {list(found)[:4] if isinstance(found, dict) else type(found).__name__}, not a dict of {names[:4]}"
        return
    for name, mask in found.items():
        if mask.dtype != torch.float32 or list(mask.shape) != size:
            yield f"gives {mask.dtype} {list(mask.shape)} for {name!r} instead of torch.float32 {size}"
        elif not (mask.isfinite().all() and mask.min() >= 0 and mask.max() <= 1):
            yield f"gives values from {mask.min():g} to {mask.max():g} for {name!r}: they must be probabilities"


def activation(subject: ModelSubject) -> Iterator[str]:
    """``predict`` applies the activation of the spec to the logits."""
    name = getattr(subject.known_spec or subject.model, "activation", "sigmoid")
    out = subject.outputs["out"][:1]
    if list(out.shape[2:]) != [subject.side] * 2:
        raise NotApplicable("its logits do not have the size of the image")
    found = subject.model.predict(subject.image[0])
    wanted = activated(out, name)[0].clamp(0, 1)
    maps = {"predict": torch.stack(list(found.values()))}
    yield from output_differences(maps, {"predict": wanted}, ROUNDING, f"compared with the {name} of the logits, ")


CHECKS: tuple[Check, ...] = (names, forward, predict, activation, predict_leaves, training)
