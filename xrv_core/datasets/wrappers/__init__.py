"""Wrappers around datasets: subset, filter, merge, relabel, covariate shift. No image is copied."""

from __future__ import annotations

from xrv_core.datasets.wrappers.covariate import CovariateDataset
from xrv_core.datasets.wrappers.filters import FilterDataset
from xrv_core.datasets.wrappers.merge import MergeDataset
from xrv_core.datasets.wrappers.relabel import RelabelledDataset, Relabelling, label_names, relabel_dataset
from xrv_core.datasets.wrappers.views import SubsetDataset, View

__all__ = [
    "CovariateDataset",
    "FilterDataset",
    "MergeDataset",
    "RelabelledDataset",
    "Relabelling",
    "SubsetDataset",
    "View",
    "label_names",
    "relabel_dataset",
]
