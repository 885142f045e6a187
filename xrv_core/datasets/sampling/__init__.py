"""Splits by patient, official splits, and samplers for training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.datasets.sampling.splits import official_split, split, split_report
from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.datasets.sampling.samplers import ClassBalancedSampler, DomainBalancedSampler, PatientSampler

__all__ = ["ClassBalancedSampler", "DomainBalancedSampler", "PatientSampler", "official_split", "split", "split_report"]

#: These load torch, so they are imported at first use.
_WHERE = {
    "ClassBalancedSampler": "samplers",
    "DomainBalancedSampler": "samplers",
    "PatientSampler": "samplers",
}


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)
