"""What checks of classifiers and segmenters share: names of outputs, and what ``predict`` must leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from xrv_core.testing.models.spec import labels_of

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["left_by_predict", "name_faults"]


def name_faults(subject: ModelSubject, attribute: str) -> Iterator[str]:
    """Sentences on the names of the outputs: a list of different names, those of the spec or of the options."""
    names = getattr(subject.model, attribute)
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        yield f"{attribute} is {names!r}: it must be a list of names"
        return
    if len(set(names)) != len(names) or not names:
        yield f"{attribute} are {names!r}: there must be some, each once"
    told = labels_of(subject.told) if subject.told is not None else ()
    source = "options" if attribute in subject.options else "its spec"
    wanted = list(subject.options.get(attribute, told))
    if wanted and names != wanted:
        yield f"{attribute} are {names}, where {source} says {wanted}"


def left_by_predict(subject: ModelSubject) -> Iterator[str]:
    """Sentences on what ``predict`` changes in a model that is being trained, with its first layer frozen."""
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
        yield f"after predict {other[0]} is in another mode, and so are {len(other) - 1} more layers"
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, state[name]):
            yield f"predict changes {name}: it must run in evaluation mode"
    if [p.requires_grad for p in model.parameters()] != trainable or not torch.is_grad_enabled():
        yield "predict changes what has a gradient"
