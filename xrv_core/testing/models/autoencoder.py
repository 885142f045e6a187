"""Checks that only autoencoders know: codes and images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.common.tensors import differences
from xrv_core.testing.models.gradients import training
from xrv_core.testing.models.inputs import ROUNDING, refusal

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_LIMIT = 1024.5  # and rounding


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives ``{"z": code, "out": image}``: an image ``[B, 1, R, R]`` in [-1024, 1024]."""
    with torch.no_grad():
        found = subject.model(subject.batch.clone())
    if not isinstance(found, Mapping) or set(found) != {"z", "out"}:
        yield f"it gives {sorted(found) if isinstance(found, Mapping) else type(found).__name__}, not z and out"
        return
    image = found["out"]
    if list(image.shape) != list(subject.batch.shape) or image.dtype != torch.float32:
        yield f"'out' is {image.dtype} {list(image.shape)} instead of torch.float32 {list(subject.batch.shape)}"
    for name, tensor in found.items():
        if not tensor.isfinite().all():
            yield f"{name!r} is not finite"
    yield from _beyond(image, "'out'")


def parts(subject: ModelSubject) -> Iterator[str]:
    """``encode`` gives the code of ``forward``, and ``decode`` makes its image of it."""
    expected = {name: tensor[:1] for name, tensor in subject.outputs.items()}
    with torch.no_grad():
        z = subject.model.encode(subject.batch[:1].clone())
        found = {"z": z, "out": subject.model.decode(expected["z"].clone())}
    yield from (f"encode and decode, against forward: {d}" for d in differences(found, expected, ROUNDING))


def code_shape(subject: ModelSubject) -> Iterator[str]:
    """The code of one image has the shape that the spec says."""
    told = tuple(subject.spec.code_shape)
    if not told:
        raise NotApplicable("its spec does not say")
    found = tuple(subject.outputs["z"].shape[1:])
    if found != told:
        yield f"a code has the shape {list(found)}, its spec says {list(told)}"


def any_code(subject: ModelSubject) -> Iterator[str]:
    """Codes that no image has give images in [-1024, 1024], too."""
    z = subject.outputs["z"][:1]
    with torch.no_grad():
        yield from _beyond(subject.model.decode(8 * z + 1), "the image of a code of eightfold size")


def wrong_codes(subject: ModelSubject) -> Iterator[str]:
    """What is no code is an InputError that says the shape wanted."""
    z = subject.outputs["z"][:1]
    shape = ", ".join(map(str, z.shape[1:]))
    wrong = {"a code without batch": z[0], "a code with an axis too many": z[..., None], "a code that is cut": z[:, 1:]}
    for what, value in wrong.items():
        yield from refusal(what, subject.model.decode, value, wanted=shape)


def _beyond(image: torch.Tensor, what: str) -> Iterator[str]:
    low, high = float(image.min()), float(image.max())
    if not -_LIMIT <= low <= high <= _LIMIT:
        yield f"{what} goes from {low:g} to {high:g}, beyond [-1024, 1024]"


CHECKS: tuple[Check, ...] = (forward, parts, code_shape, any_code, wrong_codes, training)
