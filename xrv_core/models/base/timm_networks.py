"""Networks of timm by name: their input, how to build them, and their feature maps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from types import ModuleType
from typing import Any

import torch
from torch import nn

from xrv_core.assets import offline
from xrv_core.errors import ArgumentError, DownloadError, OfflineError, UnknownName, suggestion
from xrv_core.models.weights import wrapped_keys
from xrv_core.torchvision_guard import import_timm

__all__ = ["TimmNetwork", "timm_feature_maps", "timm_heads", "timm_keys"]


@dataclass(frozen=True, kw_only=True)
class TimmNetwork:
    """A network to build.

    Attributes:
        name: timm's name of the network, with the tag of its weights if one was given.
        side: ``input_resolution``, default that of timm's own weights. Networks of fixed size, such as
            most transformers, are built for it.
        mean, std: Mean and standard deviation of each channel on the 0..1 scale.
        options: Arguments of ``timm.create_model``, with ``in_chans``. By default it is the number of channels
            of the published network: the grey image is repeated and normalised channel by channel, which
            is exact. With 1, the image is normalised by the averages over the channels, and timm sums the
            pretrained filters: exact only if the channels have equal means and deviations and the first
            layer is a plain convolution.
    """

    name: str
    side: int
    mean: list[float]
    std: list[float]
    options: dict[str, Any]

    @classmethod
    def of(
        cls, name: str, options: Mapping[str, Any], *, input_resolution: int | None = None, asked: str = ""
    ) -> TimmNetwork:
        """The network with timm's defaults for what is not given.

        Args:
            name: timm's name, with or without ``timm/`` before it.
            options: Further arguments of ``timm.create_model``.
            input_resolution: Side in pixels; None: that of timm's own weights.
            asked: The requested name, for messages.

        Raises:
            UnknownName: timm has no such network, or no such weights of it.
            ArgumentError: An option is not valid.
        """
        if "num_classes" in options:
            raise ArgumentError("num_classes cannot be given: it is the number of pathologies.")
        timm = import_timm()
        name = name.removeprefix("timm/")
        _check_known(timm, name, asked if asked.endswith(f"/{name}") else name)
        config = timm.get_pretrained_cfg(name)
        channels, *_, published = config.input_size
        side = published if input_resolution is None else input_resolution
        built = {"in_chans": channels, **options}
        if config.fixed_input_size and side != published:
            built.setdefault("img_size", side)
        mean, std = list(config.mean), list(config.std)
        if built["in_chans"] == 1:
            mean, std = [fmean(mean)], [fmean(std)]
        elif built["in_chans"] != len(mean):
            raise ArgumentError(f"in_chans={built['in_chans']}: give 1, or {len(mean)} as the network was published.")
        return cls(name=name, side=side, mean=mean, std=std, options=built)

    def backbone(self, pretrained: bool = False) -> nn.Module:
        """The network without its head.

        Args:
            pretrained: Load timm's own weights from the Hugging Face hub; else the weights are random.

        Raises:
            ArgumentError: timm cannot build it with these options, or has no weights of it.
            OfflineError: Weights are needed while ``XRV_OFFLINE`` is set.
            DownloadError: The hub does not deliver them.
        """
        timm = import_timm()
        if pretrained:
            self._check_hub(timm)
        try:
            built: nn.Module = timm.create_model(self.name, pretrained=pretrained, num_classes=0, **self.options)
        except Exception as error:  # the hub's client, its HTTP library and timm have different errors
            if pretrained and not isinstance(error, TypeError | AssertionError | ValueError):
                raise DownloadError(
                    f"timm could not get its weights of {self.name!r}: {type(error).__name__}: {error}. "
                    "Try again, or leave pretrained out and load a weights file."
                ) from error
            raise ArgumentError(f"timm cannot build {self.name!r} with {str(self.options)[:300]}: {error}") from error
        return built

    def _check_hub(self, timm: ModuleType) -> None:
        if not timm.is_model_pretrained(self.name):
            raise ArgumentError(f"timm has no weights for {self.name!r}: leave pretrained out, or load a weights file.")
        if offline():
            raise OfflineError(
                f"pretrained=True asks the Hugging Face hub for the weights of {self.name!r}, and XRV_OFFLINE is set. "
                "Unset it, or leave pretrained out and load a weights file."
            )


def timm_heads(name: str) -> tuple[str, ...]:
    """Names of the classification layers of a network of timm."""
    found = import_timm().get_pretrained_cfg(name).classifier
    return (found,) if isinstance(found, str) else tuple(found)


def timm_keys(state: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Rename timm's own keys to those of a ``BackboneClassifier``; a head that is a 1 x 1 convolution is flattened.

    Args:
        state: Tensors by timm's names; those of a ``BackboneClassifier`` stay as they are.
        name: timm's name of the network.
    """
    renamed = wrapped_keys(state, timm_heads(name)[0])
    for key in ("classifier.weight", "classifier.bias"):
        if key in renamed and renamed[key].ndim == 4:
            renamed[key] = renamed[key].flatten(1)
    return renamed


def timm_feature_maps(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The output of ``forward_features`` as ``[B, C, h, w]``, for every layout that timm uses.

    Raises:
        ArgumentError: The output is not a square map.
    """
    network: Any = backbone
    out = network.forward_features(x)
    shape = list(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
    if isinstance(out, torch.Tensor) and out.ndim == 4:
        return out.permute(0, 3, 1, 2) if getattr(backbone, "output_fmt", "NCHW") == "NHWC" else out
    if isinstance(out, torch.Tensor) and out.ndim == 3:
        tokens = out[:, getattr(backbone, "num_prefix_tokens", 0) :]  # class and register tokens come first
        side = math.isqrt(tokens.shape[1])
        if side * side == tokens.shape[1]:
            return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, side, side)
    raise ArgumentError(f"{type(backbone).__name__} of timm gives {shape}, which is not a square map; use features().")


def _check_known(timm: ModuleType, name: str, asked: str) -> None:
    base, dot, _ = name.partition(".")
    if not timm.is_model(base):
        what, known = "no such network", timm.list_models()
    elif dot and name not in (known := timm.list_models(f"{base}.*", include_tags=True)):
        what = f"{base}, but no such weights of it"
    else:
        return
    family = asked.removesuffix(name)
    hint = suggestion(name, known, prefix=family)
    raise UnknownName(f"No classifier named {asked!r}: timm {timm.__version__} has {what}.{hint}")
