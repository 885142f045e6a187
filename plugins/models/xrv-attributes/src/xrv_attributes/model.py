"""View, sex and race: timm's ResNets with the weights and the input statistics of their authors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from xrv_core import ClassifierSpec
from xrv_core.models import (
    IMAGENET,
    BackboneClassifier,
    InputAdapter,
    load_into,
    load_state_dict,
    timm_feature_maps,
    wrapped_keys,
)
from xrv_core.torchvision_guard import import_timm

#: Grey levels 0..255, not normalised.
GREY_LEVELS = ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))


def view(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """The view classifier: ResNet-50, the first two of whose 1000 outputs were trained.

    Args:
        spec: Targets and resolution.
        weights: The published state dict of torchvision's ResNet-50, one with two outputs, or one of
            a ``BackboneClassifier``. None: random initialisation.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    state = None if weights is None else load_state_dict(weights)
    if state is not None:
        # ImageNet's outputs beyond the two; a file of another size is refused for its shape
        state = {k: t[:2] if k.startswith("fc.") and t.shape[:1] == (1000,) else t for k, t in state.items()}
    return _resnet(spec, weights, state, "fc", IMAGENET)


def sex(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """The sex classifier: ResNet-34 on grey levels 0..255, without any normalisation.

    Args:
        spec: Targets and resolution.
        weights: The published Lightning checkpoint (keys begin with ``model.``), a state dict of
            torchvision's ResNet-34, or one of a ``BackboneClassifier``. None: random initialisation.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    state = None if weights is None else load_state_dict(weights)
    if state is not None:
        state = {key.removeprefix("model."): tensor for key, tensor in state.items()}
    return _resnet(spec, weights, state, "fc", GREY_LEVELS)


def race(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """The race classifier: ResNet-34, as logits; the published network gives their log-softmax.

    Args:
        spec: Targets and resolution.
        weights: The published state dict (keys begin with ``module.``, the head is ``fc.0``), or one
            of a ``BackboneClassifier``. None: random initialisation.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    state = None if weights is None else load_state_dict(weights)
    return _resnet(spec, weights, state, "fc.0", IMAGENET)


def _resnet(
    spec: ClassifierSpec,
    weights: Path | None,
    state: Mapping[str, torch.Tensor] | None,
    head: str,
    statistics: tuple[tuple[float, ...], tuple[float, ...]],
) -> BackboneClassifier:
    """A ResNet of timm, whose layers have torchvision's names, except for the head."""
    backbone = import_timm().create_model(spec.architecture, pretrained=False, num_classes=0)
    model = BackboneClassifier(
        backbone,
        spec.pathologies,
        num_features=backbone.num_features,
        feature_maps=timm_feature_maps,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter(*statistics),
        spec=spec,
    ).to(memory_format=torch.channels_last)  # 1.05 to 1.35 times faster on a CPU, four images at a time
    if weights is not None and state is not None:
        load_into(model, wrapped_keys(state, head), weights)
        model.eval()
    return model
