"""Check training and test data for shared patients, shared images and overlapping collections."""

from __future__ import annotations

from xrv_core.datasets.leakage.overlaps import check_training_data, collections_in, training_overlaps
from xrv_core.datasets.leakage.report import LeakageReport, check_leakage, read_id_map

__all__ = [
    "LeakageReport",
    "check_leakage",
    "check_training_data",
    "collections_in",
    "read_id_map",
    "training_overlaps",
]
