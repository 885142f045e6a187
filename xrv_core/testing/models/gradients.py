"""Checks that gradients reach what they must reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from xrv_core.testing.common.results import Check

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS", "input_gradient_faults", "trained_faults", "training"]


def gradient(subject: ModelSubject) -> Iterator[str]:
    """Every output has a gradient at the image: finite, and not all zero."""
    subject.outputs  # noqa: B018
    x = subject.batch[:1].clone().requires_grad_()
    out = subject.run(subject.model, x)
    for name, tensor in out.items():
        yield from input_gradient_faults(name, tensor, x)


def input_gradient_faults(name: str, out: torch.Tensor, x: torch.Tensor) -> Iterator[str]:
    """Sentences on the gradient of the known values of ``out`` at the image ``x``; the graph is kept."""
    known = ~out.detach().isnan()
    if not out.requires_grad:
        yield f"{name!r} has no gradient: the forward pass is cut off from the image"
        return
    found: torch.Tensor | None = torch.autograd.grad(out[known].sum(), x, retain_graph=True, allow_unused=True)[0]
    if found is None:
        yield f"{name!r} does not depend on the image"
    elif not found.isfinite().all():
        share = float((~found.isfinite()).float().mean())
        yield f"the gradient of {name!r} at the image is NaN or infinite in {share:.0%} of the pixels"
    elif not found.any():
        yield f"the gradient of {name!r} at the image is zero everywhere"


def training(subject: ModelSubject) -> Iterator[str]:
    """In training mode the outputs are finite, and gradients reach the weights."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    model.train()
    out = subject.run(model, subject.batch.clone())
    for name, tensor in out.items():
        if not tensor.isfinite().all():
            yield f"in training mode {name!r} is not finite"
    if not any(tensor.requires_grad for tensor in out.values()):
        yield "in training mode no output has a gradient"
        return
    sum((tensor.float().square().mean() for tensor in out.values()), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    yield from trained_faults(model)


def trained_faults(model: Any) -> Iterator[str]:
    """Sentences on the gradients of a model's weights, after ``backward``."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    broken = [name for name, grad in gradients.items() if not grad.isfinite().all()]
    if broken:
        yield f"the gradient of {broken[0]!r} is NaN or infinite, and so are those of {len(broken) - 1} more"
    count = sum(p.requires_grad for p in model.parameters())
    if 2 * len(gradients) < count:
        yield f"gradients reach {len(gradients)} of {count} weights"
    elif count and not any(grad.any() for name, grad in gradients.items() if not name.startswith("classifier.")):
        yield "the gradient is zero in every weight before the last layer"


CHECKS: tuple[Check, ...] = (gradient,)
