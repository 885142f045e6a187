"""Splits by patient, official splits, and samplers for training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xrv_core.datasets.sampling.splits import official_split, split, split_report

if TYPE_CHECKING:
    from xrv_core.datasets.sampling.samplers import ClassBalancedSampler, DomainBalancedSampler, PatientSampler

__all__ = ["ClassBalancedSampler", "DomainBalancedSampler", "PatientSampler", "official_split", "split", "split_report"]

#: These load torch, so they are imported when they are asked for.
_LATE = {
    "ClassBalancedSampler": "datasets.sampling.samplers",
    "DomainBalancedSampler": "datasets.sampling.samplers",
    "PatientSampler": "datasets.sampling.samplers",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"xrv_core.{_LATE[name]}"), name)
    raise AttributeError(f"module 'xrv_core.datasets.sampling' has no attribute {name!r}")
