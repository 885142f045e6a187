"""ResNet-50 on timm's network, with the weights of TorchXRayVision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from xrv_core import ClassifierSpec
from xrv_core.errors import ArgumentError
from xrv_core.models import BackboneClassifier, load_into, load_state_dict, wrapped_keys
from xrv_core.torchvision_guard import import_timm


def resnet50(spec: ClassifierSpec, weights: Path | None = None, *, op_threshs: str = "corrected") -> BackboneClassifier:
    """Build the classifier of a spec.

    timm's layers have the names of torchvision's, which the published file uses.

    Args:
        spec: Labels, operating points and resolution.
        weights: The published weights file, a state dict of the same network, or one of a
            ``BackboneClassifier``. None: random initialisation, every output counts as trained, and
            there are no operating points.
        op_threshs: "corrected" for operating points of ``sigmoid(x)``, so that 0.5 is the operating
            point; "as-published" for the published ones, which belong to ``sigmoid(sigmoid(x))`` but
            which torchxrayvision 1.5.7 applies to ``sigmoid(x)``: this gives its numbers, in which 0.5
            is not the operating point.

    Raises:
        ArgumentError: Another ``op_threshs``.
        CheckpointError: The file cannot be read safely or does not fit.
    """
    if op_threshs not in ("corrected", "as-published"):
        raise ArgumentError(f"op_threshs={op_threshs!r} is neither 'corrected' nor 'as-published'.")
    points = spec.op_threshs if op_threshs == "corrected" else _as_published(spec.op_threshs)
    published = weights is not None
    model = BackboneClassifier(
        import_timm().create_model("resnet50", pretrained=False, in_chans=1, num_classes=0),
        spec.pathologies,
        num_features=2048,
        feature_maps=_feature_maps,
        trained=spec.trained if published else None,
        op_threshs=points if published else None,
        input_resolution=spec.input_resolution,
        spec=spec,
    ).to(memory_format=torch.channels_last)  # 2.1 times faster on a CPU
    if weights is not None:
        load_into(model, wrapped_keys(load_state_dict(weights), "fc"), weights)
        model.eval()
    return model


def _as_published(op_threshs: Sequence[float | None]) -> list[float | None]:
    """The sigmoid of each point: the inverse of what ``plugin.py`` did to the published ones."""
    return [None if t is None else 1 / (1 + math.exp(-t)) for t in op_threshs]


def _feature_maps(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """``[B, 2048, 16, 16]``: their mean is the feature vector."""
    maps: torch.Tensor = backbone.forward_features(x)
    return maps
