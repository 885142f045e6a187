"""Checks that several kinds of models share: of the names of outputs, of gradients, and of what ``predict`` changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from xrv_core.errors import InputError
from xrv_core.testing.common.results import described
from xrv_core.testing.models.spec import labels_of
from xrv_core.testing.models.subject import ModelSubject

__all__ = [
    "ROUNDING", "gradient", "input_gradient_problems", "name_problems", "predict_leaves", "refusal", "training",
    "weight_gradient_problems",
]  # fmt: skip

#: Rounding errors between batch sizes and kernels, as a share of the largest output.
ROUNDING = 1e-3
#: What every message about an input must contain.
WANTED = "[-1024, 1024]"


def name_problems(subject: ModelSubject, attribute: str) -> Iterator[str]:
    """Problems of the names of the outputs: a list of different names, those of the spec or of the options."""
    names = getattr(subject.model, attribute)
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        yield f"{attribute} is {names!r}: it must be a list of names"
        return
    if len(set(names)) != len(names) or not names:
        yield f"{attribute} is {names!r}: there must be at least one name, and none twice"
    known = labels_of(subject.known_spec) if subject.known_spec is not None else ()
    source = "options" if attribute in subject.options else "its spec"
    wanted = list(subject.options.get(attribute, known))
    if wanted and names != wanted:
        yield f"{attribute} is {names}, but {source} says {wanted}"


def predict_leaves(subject: ModelSubject) -> Iterator[str]:
    """``predict`` leaves modes, weights, statistics and gradients as they are."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    model.train()
    frozen = next(module for module in model.modules() if not list(module.children()))
    frozen.eval()
    modules = dict(model.named_modules())
    modes = {name: module.training for name, module in modules.items()}
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainable = [p.requires_grad for p in model.parameters()]
    model.predict(subject.batch[:2].clone())
    other = [name or "the model itself" for name, module in modules.items() if module.training != modes[name]]
    if other:
        yield f"predict changes the mode of {other[0]} and of {len(other) - 1} more layers"
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, state[name]):
            yield f"predict changes {name}: it must run in evaluation mode"
    if [p.requires_grad for p in model.parameters()] != trainable or not torch.is_grad_enabled():
        yield "predict changes which tensors have gradients"


def refusal(what: str, call: Callable[[Any], Any], value: Any, wanted: str = WANTED) -> Iterator[str]:
    """A problem if ``call(value)`` does not raise an InputError with ``wanted`` in its message."""
    try:
        with torch.no_grad():
            call(value)
    except InputError as error:
        if wanted not in str(error):
            yield f"for {what} the message does not contain {wanted!r}: {error}"
    except Exception as error:
        yield f"{what}: {described(error)} instead of an InputError"
    else:
        yield f"{what}: no error is raised instead of an InputError"


def gradient(subject: ModelSubject) -> Iterator[str]:
    """Each output has a gradient with respect to the image: finite, and not all zero."""
    subject.outputs  # noqa: B018
    x = subject.image.requires_grad_()
    for name, tensor in subject.run(subject.model, x, gradients=True).items():
        yield from input_gradient_problems(name, tensor, x)


def input_gradient_problems(name: str, out: torch.Tensor, x: torch.Tensor) -> Iterator[str]:
    """Problems of the gradient of the known values of ``out`` with respect to the image ``x``; the graph is kept."""
    known = ~out.detach().isnan()
    if not out.requires_grad:
        yield f"{name!r} has no gradient: the forward pass is detached from the image"
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
    out = subject.run(model, subject.batch, gradients=True)
    for name, tensor in out.items():
        if not tensor.isfinite().all():
            yield f"in training mode {name!r} is not finite"
    if not any(tensor.requires_grad for tensor in out.values()):
        yield "in training mode no output has a gradient"
        return
    sum((tensor.float().square().mean() for tensor in out.values()), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    yield from weight_gradient_problems(model)


def weight_gradient_problems(model: Any) -> Iterator[str]:
    """Problems of the gradients of a model's weights, after ``backward``."""
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    broken = [name for name, grad in gradients.items() if not grad.isfinite().all()]
    if broken:
        yield f"the gradients of {broken[0]!r} and of {len(broken) - 1} more weights are NaN or infinite"
    count = sum(p.requires_grad for p in model.parameters())
    if 2 * len(gradients) < count:
        yield f"gradients reach {len(gradients)} of {count} weights"
    elif count and not any(grad.any() for name, grad in gradients.items() if not name.startswith("classifier.")):
        yield "the gradient is zero in every weight before the last layer"
