"""Names of tensors in a published file to names in our network: a table, no code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch

__all__ = ["renamed_keys"]


def renamed_keys(
    state: Mapping[str, torch.Tensor], renames: Sequence[tuple[str, str]], *, prefix: str = ""
) -> dict[str, torch.Tensor]:
    r"""Rename what a table knows, and leave every other name as it is, for ``load_into`` to judge.

    Args:
        state: Tensors by name.
        renames: Pairs of a regular expression for the start of a name, and what stands there instead
            (``\1`` for its first group). The first that matches is taken.
        prefix: Put before every renamed name, such as ``"network."``.
    """
    compiled = [(re.compile(pattern), ours) for pattern, ours in renames]
    out: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        found = next(((match, ours) for pattern, ours in compiled if (match := pattern.match(name))), None)
        ours_name = name if found is None else prefix + found[0].expand(found[1]) + name[found[0].end() :]
        out[ours_name] = tensor
    return out
