"""Make a network with random weights behave like a trained one."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["set_batch_statistics"]


def set_batch_statistics(model: nn.Module, x: torch.Tensor) -> None:
    """Set the statistics of batch normalisation so that activations keep the same size in every layer.

    Without this the activations of a deep random network vanish or explode, and a comparison of outputs shows
    nothing. A layer divides by the root mean square of its input, the same for all channels. Statistics of each
    channel would enlarge channels that hardly vary, and rounding errors with them.

    Args:
        model: A model in evaluation mode.
        x: Input of ``forward``.
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
