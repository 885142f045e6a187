"""Check training and test data for shared patients, shared images and overlapping collections."""

from __future__ import annotations

from xrv_core.datasets.leakage.overlaps import collections_in, training_overlaps
from xrv_core.datasets.leakage.report import LeakageReport, check_leakage, read_id_map
from xrv_core.datasets.leakage.seen import SeenData, covered, dataset_names, seen_from_text, seen_to_text
from xrv_core.datasets.leakage.training import check_training_data

__all__ = [
    "LeakageReport",
    "SeenData",
    "check_leakage",
    "check_training_data",
    "collections_in",
    "covered",
    "dataset_names",
    "read_id_map",
    "seen_from_text",
    "seen_to_text",
    "training_overlaps",
]
