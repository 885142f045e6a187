"""The base classes of datasets: labels and rows, items, image files with a table."""

from __future__ import annotations

from xrv_core.datasets.base.batches import Masks, collate
from xrv_core.datasets.base.chexpert import ChexpertLabelled, chexpert_labels
from xrv_core.datasets.base.dataset import XrayDataset
from xrv_core.datasets.base.files import FileDataset
from xrv_core.datasets.base.labelled import Labelled, check_rows, tree
from xrv_core.datasets.base.validation import check_dataset, whole_number

__all__ = [
    "ChexpertLabelled",
    "FileDataset",
    "Labelled",
    "Masks",
    "XrayDataset",
    "check_dataset",
    "check_rows",
    "chexpert_labels",
    "collate",
    "tree",
    "whole_number",
]
