"""Read and write weights files, without running their code."""

from __future__ import annotations

from xrv_core.models.weights.checkpoints import (
    is_safetensors,
    load_checkpoint,
    load_into,
    load_state_dict,
)
from xrv_core.models.weights.keys import renamed_keys, wrapped_keys
from xrv_core.models.weights.members import open_source
from xrv_core.models.weights.writing import write_safetensors

__all__ = [
    "is_safetensors",
    "load_checkpoint",
    "load_into",
    "load_state_dict",
    "open_source",
    "renamed_keys",
    "wrapped_keys",
    "write_safetensors",
]
