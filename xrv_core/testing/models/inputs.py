"""Checks of what goes into a model: sizes, batches, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from xrv_core.errors import InputError
from xrv_core.testing.common.results import Check, NotApplicable, described
from xrv_core.testing.common.tensors import differences, one_image, xray_like

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS", "refusal"]

#: Rounding of one batch size or kernel against another, as a share of the largest output.
ROUNDING = 1e-3
#: What every message about an input must say.
WANTED = "[-1024, 1024]"

#: Methods that take images.
_METHODS = ("forward", "features", "feature_maps", "encode", "predict")


def sees_the_image(subject: ModelSubject) -> Iterator[str]:
    """Different images give different outputs."""
    for name, tensor in subject.outputs.items():
        values = tensor.float().nan_to_num()
        if (values - values[:1]).abs().max() <= 1e-6 * values.abs().max():
            yield f"{name!r} is the same for three different images"


def batch_of_one(subject: ModelSubject) -> Iterator[str]:
    """An image alone gives what it gives in a batch, every time: evaluation mode mixes no images and draws nothing."""
    expected = one_image(subject.outputs, 0)
    apart = [*differences(subject.alone, expected, ROUNDING)]
    with torch.no_grad():
        again = subject.run(subject.model, subject.batch[:1].clone())
    apart += differences(again, subject.alone, ROUNDING)
    yield from (f"an image alone, against the same in a batch of 3: {d}" for d in apart)


def other_sizes(subject: ModelSubject) -> Iterator[str]:
    """An image of another size is resized: bilinear, with anti-aliasing."""
    expected, side = one_image(subject.outputs, 2), subject.odd.shape[-1]
    with torch.no_grad():
        found = subject.run(subject.model, subject.odd.clone())
    if subject.model.input_resolution is None:
        shapes = {name: tensor.shape[:2] for name, tensor in found.items()}
        wanted = {name: tensor.shape[:2] for name, tensor in expected.items()}
        if shapes != wanted:
            yield f"{side} x {side} pixels give {shapes} instead of {wanted}"
        return
    for difference in differences(found, expected, ROUNDING):
        yield f"{side} x {side} pixels, against the same resized beforehand: {difference}"


def input_untouched(subject: ModelSubject) -> Iterator[str]:
    """The image that goes in is not changed."""
    subject.outputs  # noqa: B018
    x = subject.batch[:1].clone()
    with torch.no_grad():
        subject.run(subject.model, x)
    if not torch.equal(x, subject.batch[:1]):
        yield "the forward pass changes its input: an operation in place comes before the first layer"


def constant_image(subject: ModelSubject) -> Iterator[str]:
    """A black image, the usual baseline of saliency methods, gives finite outputs."""
    usual = {name: tensor.isfinite().any() for name, tensor in subject.outputs.items()}
    with torch.no_grad():
        black = subject.run(subject.model, torch.full_like(subject.batch[:1], -1024.0))
    for name, tensor in black.items():
        unknown = subject.outputs[name][:1].isnan()
        if usual[name] and not tensor.masked_fill(unknown, 0).isfinite().all():
            yield f"a black image gives {name!r} that is not finite: what divides by the deviation of an image?"


def wrong_type(subject: ModelSubject) -> Iterator[str]:
    """Integers, arrays, colour images, single images and empty batches are InputErrors that say what is wanted."""
    subject.outputs  # noqa: B018
    x = subject.batch[:1]
    wrong: dict[str, Any] = {
        "grey levels of type uint8": ((x + 1024) / 8.04).byte(),
        "a numpy array": x.numpy(),
        "three channels": x.repeat(1, 3, 1, 1),
        "an image [1, H, W] without batch": x[0],
        "a batch of no images": x[:0],
    }
    for what, value in wrong.items():
        yield from refusal(what, subject.model, value)


def wrong_range(subject: ModelSubject) -> Iterator[str]:
    """Pixels that cannot be [-1024, 1024] are InputErrors, on every call and in every method."""
    subject.outputs  # noqa: B018
    model, x = subject.model, subject.batch[:1]
    unit = (x + 1024) / 2048
    wrong = {
        "pixels in 0..1": unit,
        "pixels in 0..1, the second time": unit,
        "pixels in -1..1": x / 1024,
        "whole grey levels in 0..255": (unit * 255).round(),
        "grey levels in 0..65535": unit * 65535,
        "a NaN among the pixels": x.index_fill(3, torch.tensor([3]), torch.nan),
    }
    for what, value in wrong.items():
        yield from refusal(what, model, value)
    for name in _METHODS[1:]:
        if hasattr(model, name):
            yield from refusal(f"{name}() of pixels in 0..1", getattr(model, name), unit)


def not_square(subject: ModelSubject) -> Iterator[str]:
    """An image that is not square is an InputError that says so: squeezing would distort it."""
    subject.outputs  # noqa: B018
    side = subject.model.input_resolution
    if side is None:
        raise NotApplicable("it takes any size")
    x = xray_like(1, side, seed=2)[..., : side - side // 8]
    height, width = x.shape[-2:]
    yield from refusal(f"{height} x {width} pixels", subject.model, x, wanted=f"{height} x {width}")


def refusal(what: str, call: Callable[[Any], Any], value: Any, wanted: str = WANTED) -> Iterator[str]:
    """A sentence where ``call(value)`` is no InputError with ``wanted`` in its message."""
    try:
        with torch.no_grad():
            call(value)
    except InputError as error:
        if wanted not in str(error):
            yield f"for {what} the message does not say {wanted!r}: {error}"
    except Exception as error:
        yield f"{what}: {described(error)}, instead of an InputError"
    else:
        yield f"{what}: nothing is raised, instead of an InputError"


CHECKS: tuple[Check, ...] = (
    sees_the_image,
    batch_of_one,
    other_sizes,
    input_untouched,
    constant_image,
    wrong_type,
    wrong_range,
    not_square,
)
