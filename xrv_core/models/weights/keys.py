"""Rename the tensors of a published file to the names of our network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch

__all__ = ["renamed_keys", "wrapped_keys"]


def renamed_keys(
    state: Mapping[str, torch.Tensor], renames: Sequence[tuple[str, str]], *, prefix: str = ""
) -> dict[str, torch.Tensor]:
    r"""Rename keys by a table; the other keys stay, and ``load_into`` refuses those that do not fit.

    Args:
        state: Tensors by name.
        renames: Pairs of a regular expression for the start of a name and its replacement (``\1`` for its
            first group). The first match counts.
        prefix: Added before every renamed name, such as ``"network."``.
    """
    compiled = [(re.compile(pattern), ours) for pattern, ours in renames]
    out: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        found = next(((match, ours) for pattern, ours in compiled if (match := pattern.match(name))), None)
        ours_name = name if found is None else prefix + found[0].expand(found[1]) + name[found[0].end() :]
        out[ours_name] = tensor
    return out


def wrapped_keys(state: Mapping[str, torch.Tensor], head: str) -> dict[str, torch.Tensor]:
    """Rename the keys of a published network to those of a ``BackboneClassifier`` around it.

    Args:
        state: Tensors by the network's own names; those of a ``BackboneClassifier`` stay as they are.
        head: Name of the linear layer in the network, such as ``fc``; it becomes ``classifier``.
    """
    if any(key.startswith("backbone.") for key in state):
        return dict(state)
    return {
        f"classifier.{key.removeprefix(f'{head}.')}" if key.startswith(f"{head}.") else f"backbone.{key}": tensor
        for key, tensor in state.items()
    }
