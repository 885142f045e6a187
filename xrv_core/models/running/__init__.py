"""Run a model over a dataset, and record what made the numbers."""

from __future__ import annotations

from xrv_core.models.running.inference import Batch, Loading, check_device, run_over
from xrv_core.models.running.provenance import about_dataset, about_model, as_json, versions

__all__ = ["Batch", "Loading", "about_dataset", "about_model", "as_json", "check_device", "run_over", "versions"]
