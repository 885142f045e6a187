"""The classifier of JF Healthcare: its published file, and its five heads as one linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from xrv_core import ClassifierSpec
from xrv_core.errors import CheckpointError
from xrv_core.models import BackboneClassifier, InputAdapter, load_into, load_state_dict, renamed_keys
from xrv_jfhealthcare.network import CHANNELS, PerFindingFeatures

#: Length of the feature vector of one finding.
WIDTH = 2 * CHANNELS

#: Names in the published file, and ours.
_FPA = r"attention_map\.pyramid_attention\."
RENAMES = (
    (r"backbone\.features\.", "backbone.densenet.features."),
    (_FPA + r"gap_branch\.1\.conv\.", "backbone.attention.context."),
    (_FPA + r"mid_branch\.conv\.", "backbone.attention.local."),
    (_FPA + r"downsample(\d)\.conv\.", r"backbone.attention.down\1."),
    (_FPA + r"scale(\d)\.conv\.", r"backbone.attention.up\1."),
    (r"bn_(\d)\.", r"backbone.norms.\1."),
)
#: In the file, but never used by the network: ImageNet's classifier, and two kinds of attention that are switched off.
UNUSED = ("backbone.classifier.", "attention_map.channel_attention.", "attention_map.spatial_attention.")


def jfhealthcare(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """Build the classifier.

    ``features`` are the five findings' own feature vectors of 2048 numbers, side by side in the order
    of ``pathologies``; ``feature_maps`` are the five findings' own 1024 maps in the same order. ``classifier``
    holds the five heads as blocks: row i has zeros for the features of all findings but its own.

    Args:
        spec: Labels and resolution.
        weights: The published file, a training checkpoint of the same configuration, or a state dict
            of this model. None: random initialisation.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    findings = len(spec.pathologies)
    model = BackboneClassifier(
        PerFindingFeatures(findings),
        spec.pathologies,
        num_features=findings * WIDTH,
        feature_maps=_feature_maps,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter((0.5,) * 3, (0.25,) * 3),  # x / 512
        spec=spec,
    )
    if weights is None:
        with torch.no_grad():
            heads = [torch.randn(1, WIDTH) * 0.01 for _ in range(findings)]  # as in the original
            model.classifier.weight.copy_(torch.block_diag(*heads))
            model.classifier.bias.zero_()
    else:
        load_into(model, _ours(load_state_dict(weights), findings, weights), weights)
        model.eval()
    return model.to(memory_format=torch.channels_last)


def _feature_maps(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """``[B, findings * 1024, 16, 16]``."""
    assert isinstance(backbone, PerFindingFeatures)
    return torch.cat(list(backbone.maps(x)), 1)


def _ours(state: Mapping[str, torch.Tensor], findings: int, path: Path) -> dict[str, torch.Tensor]:
    """The published names and heads as this model has them; a file of ours stays as it is."""
    state = renamed_keys({k: v for k, v in state.items() if not k.startswith(UNUSED)}, RENAMES)
    heads = [f"fc_{i}" for i in range(findings)]
    if not all(f"{head}.{kind}" in state for head in heads for kind in ("weight", "bias")):
        return state
    for head in heads:
        shape = list(state[f"{head}.weight"].shape)
        if shape != [1, WIDTH, 1, 1]:
            raise CheckpointError(
                f"Weights file {path} has a head {head!r} of shape {shape}, not {[1, WIDTH, 1, 1]}: it was trained "
                "with another configuration than the published file (global_pool AVG_MAX, one output a finding), "
                "such as PCAM pooling, which this network does not have."
            )
    weight = torch.block_diag(*(state.pop(f"{head}.weight").flatten(1) for head in heads))
    bias = torch.cat([state.pop(f"{head}.bias").flatten() for head in heads])
    return state | {"classifier.weight": weight, "classifier.bias": bias}
