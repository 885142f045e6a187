"""Run a model over a dataset, fit its operating points, record a run and show it as a page."""

from __future__ import annotations

from xrv_core.models.running.inference import Batch, Loading, check_device, run_over
from xrv_core.models.running.operating_points import OperatingPoint, fit_operating_points
from xrv_core.models.running.page import render_page
from xrv_core.models.running.provenance import about_dataset, about_model, as_json, versions, write_record

__all__ = [
    "Batch",
    "Loading",
    "OperatingPoint",
    "about_dataset",
    "about_model",
    "as_json",
    "check_device",
    "fit_operating_points",
    "render_page",
    "run_over",
    "versions",
    "write_record",
]
