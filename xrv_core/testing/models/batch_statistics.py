"""Make a network with random weights behave as a trained one does."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["settle"]


def settle(model: nn.Module, x: torch.Tensor) -> None:
    """Set the statistics of batch normalisation so that activations keep the same size in every layer.

    Without this the activations of a deep random network vanish or explode, and a comparison of outputs shows
    nothing. A layer divides by the root mean square of what comes in, the same for all its channels. With the
    statistics of each channel, channels that hardly vary would be blown up, and rounding errors with them.

    Args:
        model: Its modes stay as they are, evaluation mode is expected.
        x: What ``forward`` takes.
    """

    def measure(norm: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(norm, _BatchNorm)
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.zero_()
            norm.running_var.fill_(arguments[0].square().mean().clamp(min=1e-6))

    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
