"""Age: timm's SENet-154 under the head that fastai 1 gives a network, with the weights of the X-ray age model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from xrv_core import ClassifierSpec
from xrv_core.errors import CheckpointError
from xrv_core.models import IMAGENET, BackboneClassifier, InputAdapter, load_into, load_state_dict, timm_feature_maps
from xrv_core.torchvision_guard import import_timm

#: Length of the feature vector.
FEATURES = 512
#: Blocks in each stage of SENet-154.
LAYERS = (3, 8, 36, 3)
#: Shape of the weight of each layer of the head, then the name of the layer here. All shapes differ.
HEAD = {
    (4096,): "backbone.head.0.",
    (FEATURES, 4096): "backbone.head.2.",
    (FEATURES,): "backbone.head.4.",
    (1, FEATURES): "classifier.",
}
_STEM = "0.conv1.weight"


class AgeNetwork(nn.Module):
    """``[B, 3, H, W]`` to features ``[B, 512]``.

    SENet-154 (Hu et al., arXiv:1709.01507), maximum and mean of its last maps side by side, then
    fastai's usual head (``create_head`` of fastai 1.0.61) up to its last linear layer.

    Args:
        layers: Blocks in each of the four stages.
    """

    def __init__(self, layers: Sequence[int] = LAYERS) -> None:
        super().__init__()
        self.body = import_timm().create_model("legacy_senet154", pretrained=False, num_classes=0, layers=list(layers))
        self.head = nn.Sequential(
            nn.BatchNorm1d(4096),
            nn.Dropout(0.25),
            nn.Linear(4096, FEATURES),
            nn.ReLU(),
            nn.BatchNorm1d(FEATURES),
            nn.Dropout(0.5),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features; maximum before mean, as in fastai's ``AdaptiveConcatPool2d``."""
        maps = self.forward_features(x)
        features: torch.Tensor = self.head(torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1))
        return features

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """The last maps, ``[B, 2048, h, w]``."""
        maps: torch.Tensor = self.body.forward_features(x)
        return maps


def age(spec: ClassifierSpec, weights: Path | None = None, *, layers: Sequence[int] = LAYERS) -> BackboneClassifier:
    """The age model: ``forward`` and ``predict`` give years.

    Args:
        spec: Target and resolution.
        weights: The published TorchScript file (its tensors are taken, its code is not run), a state
            dict of the same network, or one of a ``BackboneClassifier``. None: random initialisation.
        layers: Blocks in each of the four stages; the published weights fit the default only.

    Raises:
        CheckpointError: The file cannot be read safely or does not fit.
    """
    model = BackboneClassifier(
        AgeNetwork(layers),
        spec.pathologies,
        num_features=FEATURES,
        feature_maps=timm_feature_maps,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter(*IMAGENET),
        spec=spec,
    )
    if weights is not None:
        load_into(model, own_keys(load_state_dict(weights), weights), weights)
        model.eval()
    return model


def own_keys(state: Mapping[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Rename the tensors of the published network to those of ours.

    The names in the published file are not documented. fastai numbers the layers: ``0.0.conv1.weight``
    is in the body and ``1.8.weight`` in the head; SENet-154 alone has ``layer0.conv1.weight``. Both are
    recognised here, after any prefix of wrappers. Layers of the head are recognised by their shapes.

    Args:
        state: Tensors by name; names of ours (``backbone.body.``) stay as they are.
        path: The file, for the message.

    Raises:
        CheckpointError: The file has no first convolution of SENet-154, or more than one.
    """
    if any(key.startswith("backbone.body.") for key in state):
        return dict(state)
    stems = [key for key, tensor in state.items() if key.endswith(_STEM) and tensor.shape == (64, 3, 3, 3)]
    if len(stems) != 1:
        raise CheckpointError(
            f"Weights file {path} is not of the age model: it has {len(stems)} tensors that could be the first "
            f"convolution of SENet-154 (named ...{_STEM}, of shape [64, 3, 3, 3]), and exactly one is needed."
        )
    body = re.compile(re.escape(stems[0].removesuffix(_STEM)) + r"([0-4])\.(.+)")
    renamed: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        found = body.fullmatch(key)
        if found:
            renamed[f"backbone.body.layer{found[1]}.{found[2]}"] = tensor
            continue
        layer, _, attribute = key.rpartition(".")
        weight = state.get(f"{layer}.weight")
        ours = None if weight is None else HEAD.get(tuple(weight.shape))
        name = f"{ours}{attribute}"
        # a second layer of the same shape keeps its name, and is reported as unexpected
        renamed[name if ours and name not in renamed else key] = tensor
    return renamed
