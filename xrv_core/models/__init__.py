"""What model plugins build on. Importing this loads torch."""

from __future__ import annotations

from xrv_core.models.autoencoder import ImageAutoencoder
from xrv_core.models.calibration import apply_operating_points
from xrv_core.models.checkpoints import load_checkpoint, load_into, load_state_dict, wrapped_keys
from xrv_core.models.classifier import BackboneClassifier
from xrv_core.models.inputs import InputAdapter, check_input, resize_input
from xrv_core.models.operating_points import OperatingPoint, fit_operating_points
from xrv_core.models.renames import renamed_keys
from xrv_core.models.saving import save_classifier
from xrv_core.models.segmenter import NetworkSegmenter
from xrv_core.models.timm_networks import timm_heads, timm_keys

__all__ = [
    "BackboneClassifier",
    "ImageAutoencoder",
    "InputAdapter",
    "OperatingPoint",
    "NetworkSegmenter",
    "apply_operating_points",
    "check_input",
    "fit_operating_points",
    "load_checkpoint",
    "load_into",
    "load_state_dict",
    "renamed_keys",
    "resize_input",
    "save_classifier",
    "timm_heads",
    "timm_keys",
    "wrapped_keys",
]
