"""Base classes of classifiers, autoencoders and segmenters, and what they share."""

from __future__ import annotations

from xrv_core.models.base.autoencoder import ImageAutoencoder
from xrv_core.models.base.classifier import BackboneClassifier
from xrv_core.models.base.eval_mode import in_eval_mode
from xrv_core.models.base.image_model import ImageModel
from xrv_core.models.base.inputs import IMAGENET, InputAdapter, check_input, resize_input
from xrv_core.models.base.outputs import activated, apply_operating_points
from xrv_core.models.base.segmenter import NetworkSegmenter, choose_structures
from xrv_core.models.base.timm_networks import timm_feature_maps, timm_heads, timm_keys

__all__ = [
    "IMAGENET",
    "BackboneClassifier",
    "ImageAutoencoder",
    "ImageModel",
    "InputAdapter",
    "NetworkSegmenter",
    "activated",
    "apply_operating_points",
    "check_input",
    "choose_structures",
    "in_eval_mode",
    "resize_input",
    "timm_feature_maps",
    "timm_heads",
    "timm_keys",
]
