"""Checks that only autoencoders have: codes and images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.models.outputs import ROUNDING, refusal, training
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_LIMIT = 1024.5  # with rounding


def forward(subject: ModelSubject) -> Iterator[str]:
    """``forward`` gives ``{"z": code, "out": image}``: an image ``[B, 1, R, R]`` in [-1024, 1024]."""
    found = subject.raw_output
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
    """``encode`` gives the code of ``forward``, and ``decode`` gives its image."""
    expected = {name: tensor[:1] for name, tensor in subject.outputs.items()}
    with torch.no_grad():
        z = subject.model.encode(subject.image)
        found = {"z": z, "out": subject.model.decode(expected["z"].clone())}
    yield from output_differences(found, expected, ROUNDING, "encode and decode, against forward: ")


def code_shape(subject: ModelSubject) -> Iterator[str]:
    """The code of one image has the shape of the spec."""
    wanted = tuple(subject.spec.code_shape)
    if not wanted:
        raise NotApplicable("its spec has no code_shape")
    found = tuple(subject.outputs["z"].shape[1:])
    if found != wanted:
        yield f"a code has the shape {list(found)}, its spec says {list(wanted)}"


def any_code(subject: ModelSubject) -> Iterator[str]:
    """Codes of no real image also give images in [-1024, 1024]."""
    z = subject.outputs["z"][:1]
    with torch.no_grad():
        yield from _beyond(subject.model.decode(8 * z + 1), "the image of a code that is 8 times larger")


def wrong_codes(subject: ModelSubject) -> Iterator[str]:
    """A wrong code raises an InputError that says the shape wanted."""
    z = subject.outputs["z"][:1]
    shape = ", ".join(map(str, z.shape[1:]))
    wrong = {"a code without batch": z[0], "one axis more": z[..., None], "one channel less": z[:, 1:]}
    for what, value in wrong.items():
        yield from refusal(what, subject.model.decode, value, wanted=shape)


def _beyond(image: torch.Tensor, what: str) -> Iterator[str]:
    low, high = float(image.min()), float(image.max())
    if not -_LIMIT <= low <= high <= _LIMIT:
        yield f"{what} has values from {low:g} to {high:g}, outside [-1024, 1024]"


CHECKS: tuple[Check, ...] = (forward, parts, code_shape, any_code, wrong_codes, training)
