"""The parts of a ``BackboneClassifier``: from a module, or from the name of a timm network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import fx, nn

from xrv_core.errors import ArgumentError
from xrv_core.models.base.eval_mode import in_eval_mode
from xrv_core.models.base.inputs import InputAdapter
from xrv_core.models.base.timm_networks import TimmNetwork, timm_feature_maps

__all__ = ["Adapter", "Extractor", "Parts", "pooled"]

#: Takes the backbone and its adapted input, returns features or feature maps.
Extractor: TypeAlias = Callable[[nn.Module, torch.Tensor], torch.Tensor]
#: From ``[B, 1, H, W]`` in [-1024, 1024] to what the backbone expects.
Adapter: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

#: Side of the blank image for a backbone that takes any size.
BLANK = 224


@dataclass
class Parts:
    """The parts of a classifier, given or found.

    Attributes:
        backbone: The network without its head.
        num_features: Length of its feature vector.
        features, feature_maps: How to compute them; None: by a call of the backbone.
        adapt: The step before the backbone.
        input_resolution: Height and width of its input, None for any.
        recipe: How to build the backbone again, as plain data; None if it was built by other code.
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
        """Complete the parts that are not given.

        Args:
            backbone: A module, or timm's name of a network.
            given: The other attributes; None for those that are not given.
            options: Arguments of ``timm.create_model``, and ``pretrained``.
            asked: The requested name, for messages.

        Raises:
            UnknownName: timm has no such network.
            ArgumentError: Arguments contradict each other, or a missing part cannot be found.
            AssetError: Pretrained weights cannot be fetched.
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
                f"BackboneClassifier takes no {', '.join(map(repr, options))} with a backbone that is built already: "
                "these options build a timm network from its name."
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
        """D of the features, computed if it is not given."""
        return self.count() if self.num_features is None else self.num_features

    def count(self) -> int:
        """The length of the feature vector, from one blank image. The modes of all submodules stay."""
        like = next(self.backbone.parameters(), torch.empty(0))
        side = self.input_resolution or BLANK
        image = torch.full((1, 1, side, side), -1024.0, dtype=like.dtype, device=like.device)
        try:
            with in_eval_mode(self.backbone), torch.no_grad():
                inner = image if self.adapt is None else self.adapt(image)
                out = pooled(self.backbone, inner, self.features)
        except Exception as error:  # any network can raise any error
            raise ArgumentError(
                f"num_features is not given, and the backbone does not take the blank image {list(image.shape)} that "
                f"would show it: {type(error).__name__}: {error}. Give num_features, the backbone's input_resolution, "
                "or adapt, such as InputAdapter(mean, std) for a network of colour images."
            ) from error
        if not isinstance(out, torch.Tensor) or out.ndim != 2:
            got = f"a tensor of shape {list(out.shape)}" if isinstance(out, torch.Tensor) else f"a {type(out).__name__}"
            raise ArgumentError(
                f"num_features is not given, and for one blank image the backbone gives {got}, not a feature vector. "
                "Give features=(backbone, x) -> [B, D]."
            )
        return out.shape[1]


def pooled(backbone: nn.Module, x: torch.Tensor, features: Extractor | None) -> torch.Tensor:
    """Features by ``features``, else the output of the backbone, with maps averaged."""
    if features is not None:
        return features(backbone, x)
    return _averaged(backbone(x))


def _averaged(out: torch.Tensor) -> torch.Tensor:
    return out.mean((2, 3)) if isinstance(out, torch.Tensor) and out.ndim == 4 else out


fx.wrap("_averaged")  # one step of a graph that fx traces: it looks at the shape
