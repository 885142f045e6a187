"""What a ``BackboneClassifier`` is made of: a module, or the name of a network of timm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from xrv_core.errors import ArgumentError
from xrv_core.models.base.eval_mode import evaluating
from xrv_core.models.base.inputs import InputAdapter
from xrv_core.models.base.timm_networks import TimmNetwork, timm_feature_maps

__all__ = ["Adapter", "Extractor", "Parts", "pooled"]

#: Gets the backbone and its adapted input, returns features or feature maps.
Extractor: TypeAlias = Callable[[nn.Module, torch.Tensor], torch.Tensor]
#: From ``[B, 1, H, W]`` in [-1024, 1024] to what the backbone expects.
Adapter: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

#: Side of the blank image where a backbone takes any size.
BLANK = 224


@dataclass
class Parts:
    """The parts of a classifier, given or found out.

    Attributes:
        backbone: The network without its head.
        num_features: Length of its feature vector.
        features, feature_maps: How to get them, None where calling the backbone is it.
        adapt: What comes before it.
        input_resolution: Height and width that it wants, None for any.
        recipe: How to build the backbone again, as plain data; None where only its maker knows.
    """

    backbone: nn.Module
    num_features: int | None
    features: Extractor | None
    feature_maps: Extractor | None
    adapt: Adapter | None
    input_resolution: int | None
    recipe: dict[str, Any] | None = None

    @classmethod
    def of(cls, backbone: nn.Module | str, given: Mapping[str, Any], options: Mapping[str, Any], asked: str) -> Parts:
        """Find out what was not given.

        Args:
            backbone: A module, or timm's name of a network.
            given: The other attributes, None where nothing was given.
            options: Arguments of ``timm.create_model``, and ``pretrained``.
            asked: The name as it was asked for, for messages.

        Raises:
            UnknownName: timm has no such network.
            ArgumentError: Arguments that contradict each other, or something that cannot be found out.
            AssetError: Pretrained weights cannot be had.
        """
        side = given["input_resolution"]
        if side is not None and not (isinstance(side, int) and side > 0):
            raise ArgumentError(f"input_resolution={side!r}: give a number of pixels, or None for any size.")
        if isinstance(backbone, str):
            return cls._of_timm(backbone, dict(given), dict(options), asked)
        if not isinstance(backbone, nn.Module):
            raise ArgumentError(f"backbone is a {type(backbone).__name__}: give a torch.nn.Module, or a name of timm.")
        if options:
            raise ArgumentError(
                f"BackboneClassifier takes no {', '.join(map(repr, options))} beside a backbone that is built already; "
                "such options build a network of timm, given by name."
            )
        return cls(backbone=backbone, **given)

    @classmethod
    def _of_timm(cls, name: str, given: dict[str, Any], options: dict[str, Any], asked: str) -> Parts:
        pretrained = options.pop("pretrained", False)
        network = TimmNetwork.of(name, options, input_resolution=given["input_resolution"], asked=asked)
        backbone: Any = network.backbone(pretrained)
        given["input_resolution"] = network.side
        if given["adapt"] is None:
            given["adapt"] = InputAdapter(network.mean, network.std)
        if given["feature_maps"] is None:
            given["feature_maps"] = timm_feature_maps
        if given["num_features"] is None and given["features"] is None:
            given["num_features"] = getattr(backbone, "head_hidden_size", backbone.num_features)
        return cls(backbone=backbone, recipe={"timm": network.name, "options": network.options}, **given)

    @property
    def width(self) -> int:
        """D of the features, found out where it was not given."""
        return self.count() if self.num_features is None else self.num_features

    def count(self) -> int:
        """The length of the feature vector, from one blank image. The modes of all submodules stay as they are."""
        like = next(self.backbone.parameters(), torch.empty(0))
        side = self.input_resolution or BLANK
        image = torch.full((1, 1, side, side), -1024.0, dtype=like.dtype, device=like.device)
        try:
            with evaluating(self.backbone), torch.no_grad():
                inner = image if self.adapt is None else self.adapt(image)
                out = pooled(self.backbone, inner, self.features)
        except Exception as error:  # whatever a stranger's network does
            raise ArgumentError(
                f"num_features is not given, and the backbone does not take the blank image {list(image.shape)} that "
                f"would tell it: {type(error).__name__}: {error}. Give num_features, the input_resolution that it "
                "wants, or adapt, such as InputAdapter(mean, std) for a network of colour images."
            ) from error
        if not isinstance(out, torch.Tensor) or out.ndim != 2:
            got = f"a tensor of shape {list(out.shape)}" if isinstance(out, torch.Tensor) else f"a {type(out).__name__}"
            raise ArgumentError(
                f"num_features is not given, and for one blank image the backbone gives {got}, which are no features. "
                "Give features=(backbone, x) -> [B, D]."
            )
        return out.shape[1]


def pooled(backbone: nn.Module, x: torch.Tensor, features: Extractor | None) -> torch.Tensor:
    """Features by ``features``, else what the backbone gives, maps averaged."""
    if features is not None:
        return features(backbone, x)
    out: torch.Tensor = backbone(x)
    return out.mean((2, 3)) if isinstance(out, torch.Tensor) and out.ndim == 4 else out
