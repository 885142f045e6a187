"""Checks of a model on other devices, in other precisions, and after export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.common.results import Check, NotApplicable, described
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

#: Rounding errors that are allowed, as a share of the largest output: bfloat16 has 8 bits of precision, float16 11.
#: 154 layers with random weights cause 10 % in bfloat16; overflow and cancellation cause far more.
_ROUNDING = {torch.bfloat16: 0.2, torch.float16: 0.025}
_EXPORTED = 1e-3
_DEVICE = 1e-2  # TF32, and another order of summation


def device_move(subject: ModelSubject) -> Iterator[str]:
    """``to(device)`` moves all tensors; checked with the device "meta", which needs no hardware."""
    subject.outputs  # noqa: B018
    model = subject.copy()
    _calibrate(model)
    model.to("meta")
    for name, tensor in _tensors(model):
        if tensor.device.type != "meta":
            yield f"{name} is still on {tensor.device}: register it as a buffer"
    x = subject.batch[:1].to("meta")
    try:
        out = subject.run(model, x)
    except Exception as error:
        yield f"after the move the forward pass raises {described(error)}"
        return
    for name, tensor in out.items():
        if tensor.device.type != "meta":
            yield f"after the move {name!r} is on {tensor.device}"


def accelerator(subject: ModelSubject) -> Iterator[str]:
    """On the accelerator of this machine it gives the same as on the CPU."""
    device = _accelerator()
    if device is None:
        raise NotApplicable("this machine has no accelerator")
    expected = subject.alone
    model = subject.copy().to(device)
    found = subject.run(model, subject.image.to(device))
    yield from output_differences(found, expected, _DEVICE, f"on {device}, ")


def _accelerator() -> str | None:
    return next((name for name in ("cuda", "mps") if getattr(torch, name).is_available()), None)


def bfloat16(subject: ModelSubject) -> Iterator[str]:
    """In bfloat16, on the CPU, outputs are finite and differ by at most 20 % of the largest."""
    yield from _in_precision(subject, torch.bfloat16)


def float16(subject: ModelSubject) -> Iterator[str]:
    """In float16, on the CPU, outputs are finite and differ by at most 2.5 % of the largest."""
    yield from _in_precision(subject, torch.float16)


def _in_precision(subject: ModelSubject, dtype: torch.dtype) -> Iterator[str]:
    expected = subject.alone
    found = subject.run(subject.copy().to(dtype), subject.image.to(dtype))
    yield from output_differences(found, expected, _ROUNDING[dtype])


def export(subject: ModelSubject) -> Iterator[str]:
    """``torch.export`` works, and the exported program gives the same."""
    expected, x = subject.alone, subject.image
    try:
        program = torch.export.export(subject.model, (x,), strict=False)
    except Exception as error:
        yield f"torch.export raises {described(error)}"
        return
    yield from output_differences(subject.run(program.module(), x), expected, _EXPORTED, "exported, ")


def _calibrate(model: Any) -> None:
    """Set operating points, so that they are moved, too."""
    if hasattr(model, "op_threshs") and getattr(model, "activation", "sigmoid") == "sigmoid":
        model.op_threshs = [0.4] * len(model.pathologies)


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters, buffers, and tensors that are plain attributes, by name."""
    yield from model.named_parameters()
    yield from model.named_buffers()
    for prefix, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                path = f"{prefix}.{name}" if prefix else name
                yield from ((path, tensor) for tensor in _inside(value))


def _inside(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [v for v in value if isinstance(v, torch.Tensor)] if isinstance(value, list | tuple) else []


CHECKS: tuple[Check, ...] = (device_move, accelerator, bfloat16, float16, export)
