"""Checks of the input of a model: sizes, batches, and wrong inputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch

from xrv_core.errors import InputError
from xrv_core.testing.common.compare import Tensors, output_differences
from xrv_core.testing.common.results import Check, NotApplicable, described
from xrv_core.testing.models.outputs import ROUNDING, refusal
from xrv_core.testing.models.subject import ModelSubject, xray_like

__all__ = ["CHECKS"]

#: Methods that take images.
_METHODS = ("forward", "features", "feature_maps", "encode", "predict")


def sees_the_image(subject: ModelSubject) -> Iterator[str]:
    """Different images give different outputs."""
    for name, tensor in subject.outputs.items():
        values = tensor.float().nan_to_num()
        if (values - values[:1]).abs().max() <= 1e-6 * values.abs().max():
            yield f"{name!r} is the same for three different images"


def batch_of_one(subject: ModelSubject) -> Iterator[str]:
    """An image alone gives the same as in a batch, each time: in evaluation mode images are independent."""
    yield from output_differences(subject.alone, _outputs_of(subject, 0), ROUNDING, "alone, and not in a batch of 3, ")
    yield from output_differences(subject.run(subject.model), subject.alone, ROUNDING, "the second time, ")


def other_sizes(subject: ModelSubject) -> Iterator[str]:
    """An image of another size is resized: bilinear, with anti-aliasing."""
    expected, side = _outputs_of(subject, 2), subject.odd.shape[-1]
    found = subject.run(subject.model, subject.odd)
    if subject.model.input_resolution is None:
        shapes = {name: tensor.shape[:2] for name, tensor in found.items()}
        wanted = {name: tensor.shape[:2] for name, tensor in expected.items()}
        if shapes != wanted:
            yield f"{side} x {side} pixels give {shapes} instead of {wanted}"
        return
    where = f"for {side} x {side} pixels, compared with the image resized before, "
    yield from output_differences(found, expected, ROUNDING, where)


def _outputs_of(subject: ModelSubject, index: int) -> Tensors:
    """The outputs for one image of the batch, as those of a batch of one."""
    return {name: tensor[index : index + 1] for name, tensor in subject.outputs.items()}


def input_untouched(subject: ModelSubject) -> Iterator[str]:
    """The forward pass does not change its input."""
    subject.outputs  # noqa: B018
    x = subject.image
    with torch.no_grad():
        subject.model(x)
    if not torch.equal(x, subject.image):
        yield "the forward pass changes its input: there is an in-place operation before the first layer"


def constant_image(subject: ModelSubject) -> Iterator[str]:
    """A black image, the usual baseline of saliency methods, gives finite outputs."""
    usual = {name: tensor.isfinite().any() for name, tensor in subject.outputs.items()}
    black = subject.run(subject.model, torch.full_like(subject.image, -1024.0))
    for name, tensor in black.items():
        unknown = subject.outputs[name][:1].isnan()
        if usual[name] and not tensor.masked_fill(unknown, 0).isfinite().all():
            yield f"for a black image {name!r} is not finite: does it divide by the deviation of the image?"


def wrong_type(subject: ModelSubject) -> Iterator[str]:
    """Integers, arrays, colour images, single images and empty batches raise InputErrors that say what is wanted."""
    subject.outputs  # noqa: B018
    x = subject.image
    wrong: dict[str, Any] = {
        "uint8 grey levels": ((x + 1024) / 8.04).byte(),
        "a numpy array": x.numpy(),
        "three channels": x.repeat(1, 3, 1, 1),
        "an image [1, H, W] without batch": x[0],
        "an empty batch": x[:0],
    }
    for what, value in wrong.items():
        yield from refusal(what, subject.model, value)


def wrong_range(subject: ModelSubject) -> Iterator[str]:
    """Pixels that cannot be [-1024, 1024] raise InputErrors, in each call and each method."""
    subject.outputs  # noqa: B018
    model, x = subject.model, subject.image
    unit = (x + 1024) / 2048
    wrong = {
        "pixels in 0..1": unit,
        "pixels in 0..1, the second time": unit,
        "pixels in -1..1": x / 1024,
        "whole grey levels in 0..255": (unit * 255).round(),
        "grey levels in 0..65535": unit * 65535,
        "pixels normalised by mean and deviation": (x - x.mean()) / x.std(),
        "pixels in 0..1 in one of two images": torch.cat([x, unit]),
        "a NaN among the pixels": x.index_fill(3, torch.tensor([3]), torch.nan),
    }
    for what, value in wrong.items():
        yield from refusal(what, model, value)
    for name in _METHODS[1:]:
        if hasattr(model, name):
            yield from refusal(f"{name}() of pixels in 0..1", getattr(model, name), unit)


def noise(subject: ModelSubject) -> Iterator[str]:
    """Noise beyond [-1024, 1024], as saliency methods add it, is accepted with a warning at most."""
    subject.outputs  # noqa: B018
    with warnings.catch_warnings(record=True):
        try:
            subject.run(subject.model, 2 * subject.image)
        except InputError as error:
            yield f"pixels in [-2048, 2048] are refused: {error}"


def in_place(subject: ModelSubject) -> Iterator[str]:
    """What ``features``, ``feature_maps`` and ``encode`` give may be changed in place: gradients still come."""
    subject.outputs  # noqa: B018
    for name in ("features", "feature_maps", "encode"):
        if not hasattr(subject.model, name):
            continue
        out = getattr(subject.model, name)(subject.image.requires_grad_())
        if not out.requires_grad:
            continue  # the check `gradient` reports it
        try:
            torch.relu_(out).sum().backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            yield f"after a change of {name}() in place, backward raises {described(error)}: give a copy"


def not_square(subject: ModelSubject) -> Iterator[str]:
    """An image that is not square raises an InputError with its size: resizing would distort it."""
    subject.outputs  # noqa: B018
    side = subject.model.input_resolution
    if side is None:
        raise NotApplicable("it takes any size")
    x = xray_like(1, side, seed=2)[..., : side - side // 8]
    height, width = x.shape[-2:]
    yield from refusal(f"{height} x {width} pixels", subject.model, x, wanted=f"{height} x {width}")


CHECKS: tuple[Check, ...] = (
    sees_the_image, batch_of_one, other_sizes, input_untouched, constant_image, wrong_type, wrong_range,
    noise, in_place, not_square,
)  # fmt: skip
