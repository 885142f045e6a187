"""Any network of timm behind the interface of classifiers."""

from __future__ import annotations

import difflib
import hashlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import nn

from xrv_core import Asset, ClassifierSpec, fetch
from xrv_core.assets import offline
from xrv_core.errors import ArgumentError, DownloadError, OfflineError, UnknownName
from xrv_core.models import BackboneClassifier, InputAdapter, load_into, load_state_dict, wrapped_keys
from xrv_core.torchvision_guard import import_timm


def timm_classifier(
    spec: ClassifierSpec,
    weights: Path | None = None,
    *,
    pathologies: Sequence[str] | None = None,
    pretrained: bool = False,
    weights_url: str | None = None,
    sha256: str | None = None,
    **options: Any,
) -> BackboneClassifier:
    """Build ``spec.architecture`` with a linear classifier for ``pathologies``.

    Args:
        spec: Names the network.
        weights: File with weights by timm's names, or saved from a ``BackboneClassifier``. A head for as
            many pathologies is taken over, else the head stays random and a warning says so. The rest must fit.
        pathologies: Names of the outputs.
        pretrained: Load timm's own weights from the Hugging Face hub; the head is random.
        weights_url: Address of a weights file, fetched once into the cache.
        sha256: Its hash; without one it is unverified, and held to what came first.
        **options: ``input_resolution``, ``in_chans`` (see ``_Network``), and what ``timm.create_model`` takes.

    Raises:
        UnknownName: timm has no such network, or no such weights of it.
        ArgumentError: ``pathologies`` is missing, or arguments contradict each other.
        AssetError, CheckpointError: The weights cannot be fetched, read safely, or do not fit.
    """
    if pathologies is None:
        raise ArgumentError(f"{spec.name!r} needs pathologies=[...]: the names of its outputs, in order.")
    _check_sources(weights, weights_url, sha256, pretrained)
    network = _Network.of(spec, options)
    path = fetch(_asset(weights_url, sha256)) if weights_url else weights
    model = network.classifier(spec, pathologies, pretrained)
    if path is not None:
        _load(model, path, network.heads)
    return model.eval() if path is not None or pretrained else model


def _check_sources(weights: Path | None, url: str | None, sha256: str | None, pretrained: bool) -> None:
    if (weights is not None) + (url is not None) + pretrained > 1:
        raise ArgumentError("Give only one of weights, weights_url and pretrained.")
    if sha256 is not None and url is None:
        raise ArgumentError("sha256 is the hash of the file at weights_url, which is not given.")


@dataclass(frozen=True, kw_only=True)
class _Network:
    """What is to be built.

    Attributes:
        timm: The library.
        name: timm's name of the network, with its tag of weights if one was given.
        side: ``input_resolution``, default that of timm's own weights. Networks of fixed size, such as
            most transformers, are built for it.
        channels: ``in_chans``, default those the network was published with: the grey image is repeated
            and normalised channel by channel, which is exact. With 1 it is normalised by the mean of the
            channels' means and deviations, and pretrained filters are summed by timm: exact only where
            the channels have equal means and deviations and the first layer is a plain convolution.
        mean, std: Of each channel, on the 0..1 scale.
        heads: Names of timm's classification layers.
        options: Further arguments of ``timm.create_model``.
    """

    timm: ModuleType
    name: str
    side: int
    channels: int
    mean: list[float]
    std: list[float]
    heads: tuple[str, ...]
    options: dict[str, Any]

    @classmethod
    def of(cls, spec: ClassifierSpec, options: dict[str, Any]) -> _Network:
        if "num_classes" in options:
            raise ArgumentError("num_classes cannot be given: it is the number of pathologies.")
        timm = import_timm()
        _check_known(timm, spec)
        config = timm.get_pretrained_cfg(spec.architecture)
        channels, *_, published = config.input_size
        side = options.pop("input_resolution", None)
        side = published if side is None else side
        if config.fixed_input_size and side != published:
            options.setdefault("img_size", side)
        channels = options.pop("in_chans", channels)
        mean, std = list(config.mean), list(config.std)
        if channels == 1:
            mean, std = [fmean(mean)], [fmean(std)]
        elif channels != len(mean):
            raise ArgumentError(f"in_chans={channels}: give 1, or {len(mean)} as the network was published.")
        heads = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier)
        return cls(
            timm=timm,
            name=spec.architecture,
            side=side,
            channels=channels,
            mean=mean,
            std=std,
            heads=heads,
            options=options,
        )

    def classifier(self, spec: ClassifierSpec, pathologies: Sequence[str], pretrained: bool) -> BackboneClassifier:
        if pretrained:
            self._check_hub()
        backbone = self._backbone(pretrained)
        return BackboneClassifier(
            backbone,
            pathologies,
            num_features=backbone.head_hidden_size,
            feature_maps=_feature_maps,
            input_resolution=self.side,
            adapt=InputAdapter(self.mean, self.std),
            spec=spec,
        )

    def _check_hub(self) -> None:
        if not self.timm.is_model_pretrained(self.name):
            raise ArgumentError(f"timm has no weights for {self.name!r}: give weights=PATH, or leave pretrained out.")
        if offline():
            raise OfflineError(
                f"pretrained=True asks the Hugging Face hub for the weights of {self.name!r}, and XRV_OFFLINE is set. "
                "Unset it, or give weights=PATH."
            )

    def _backbone(self, pretrained: bool) -> Any:
        arguments = {"in_chans": self.channels, **self.options}
        try:
            return self.timm.create_model(self.name, pretrained=pretrained, num_classes=0, **arguments)
        except Exception as error:  # the hub's client, its HTTP library and timm each have their own
            if pretrained and not isinstance(error, TypeError | AssertionError | ValueError):
                raise DownloadError(
                    f"timm could not get its weights of {self.name!r}: {type(error).__name__}: {error}. "
                    "Try again, or download them elsewhere and give weights=PATH."
                ) from error
            raise ArgumentError(f"timm cannot build {self.name!r} with {arguments}: {error}") from error


def _check_known(timm: ModuleType, spec: ClassifierSpec) -> None:
    base, _, tag = spec.architecture.partition(".")
    if not timm.is_model(base):
        what, known = "no such network", timm.list_models()
    elif tag and spec.architecture not in (known := timm.list_models(f"{base}.*", include_tags=True)):
        what = f"{base}, but no such weights of it"
    else:
        return
    near = difflib.get_close_matches(spec.architecture, known, n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(repr(f'timm/{name}') for name in near)}?" if near else ""
    raise UnknownName(f"No classifier named {spec.name!r}: timm {timm.__version__} has {what}.{hint}")


def _asset(url: str, sha256: str | None) -> Asset:
    # files of one name at different addresses are different files
    place = (sha256 or hashlib.sha256(url.encode()).hexdigest())[:12]
    file = urlsplit(url).path.rpartition("/")[2] or "weights"
    return Asset(name=f"timm/{place}/{file}", urls=(url,), sha256=sha256)


def _load(model: BackboneClassifier, path: Path, heads: tuple[str, ...]) -> None:
    """Fill the backbone, and the classifier where the file has one for as many outputs."""
    state = wrapped_keys(load_state_dict(path), heads[0])
    own = {f"classifier.{key}": tensor for key, tensor in model.classifier.state_dict().items()}
    for key in ("classifier.weight", "classifier.bias"):
        if key in state and state[key].ndim == 4:  # a head that is a 1 x 1 convolution
            state[key] = state[key].flatten(1)
    fits = len(heads) == 1 and all(key in state and state[key].shape == t.shape for key, t in own.items())
    if not fits:
        more = tuple(f"backbone.{name}." for name in heads[1:])
        state = {k: t for k, t in state.items() if not k.startswith(("classifier.", *more))} | own
    load_into(model, state, path)
    if not fits:
        warnings.warn(
            f"The classifier is random: weights file {path} has none for {len(model.pathologies)} pathologies. "
            "Train it before you look at predictions.",
            stacklevel=2,
        )


def _feature_maps(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The output of ``forward_features`` as ``[B, C, h, w]``, whatever the family's layout."""
    out = backbone.forward_features(x)
    shape = list(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
    if isinstance(out, torch.Tensor) and out.ndim == 4:
        return out.permute(0, 3, 1, 2) if getattr(backbone, "output_fmt", "NCHW") == "NHWC" else out
    if isinstance(out, torch.Tensor) and out.ndim == 3:
        tokens = out[:, getattr(backbone, "num_prefix_tokens", 0) :]  # class and register tokens come first
        side = math.isqrt(tokens.shape[1])
        if side * side == tokens.shape[1]:
            return tokens.transpose(1, 2).unflatten(2, (side, side))
    raise ArgumentError(f"{type(backbone).__name__} of timm gives {shape}, which is no square map; use features().")
