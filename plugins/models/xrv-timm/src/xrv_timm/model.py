"""Any network of timm behind the interface of classifiers."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from xrv_core import Asset, ClassifierSpec, fetch
from xrv_core.errors import ArgumentError, printable
from xrv_core.models import BackboneClassifier, load_into, load_state_dict, timm_heads, timm_keys


def timm_classifier(
    spec: ClassifierSpec,
    weights: Path | None = None,
    *,
    pathologies: Sequence[str] | None = None,
    input_resolution: int | None = None,
    pretrained: bool = False,
    weights_url: str | None = None,
    sha256: str | None = None,
    **options: Any,
) -> BackboneClassifier:
    """Build ``spec.architecture`` with a linear classifier for ``pathologies``.

    Args:
        spec: Names the network.
        weights: File with weights by timm's names, or saved from a ``BackboneClassifier``. A head for as
            many pathologies is used; else the head stays random, with a warning. The rest must fit.
        pathologies: Names of the outputs.
        input_resolution: Side in pixels; None: that of timm's own weights.
        pretrained: Load timm's own weights from the Hugging Face hub; the head is random.
        weights_url: Address of a weights file, fetched once into the cache.
        sha256: Its hash; without it the file is unverified, and the hash of the first download is enforced later.
        **options: ``in_chans`` (see ``TimmNetwork``), and what ``timm.create_model`` takes.

    Raises:
        UnknownName: timm has no such network, or no such weights of it.
        ArgumentError: ``pathologies`` is missing, or arguments contradict each other.
        AssetError, CheckpointError: The weights cannot be fetched, read safely, or do not fit.
    """
    if pathologies is None:
        raise ArgumentError(f"{spec.name!r} needs pathologies=[...]: the names of its outputs, in order.")
    _check_sources(weights, weights_url, sha256, pretrained)
    path = fetch(_asset(weights_url, sha256)) if weights_url else weights
    own = {"input_resolution": input_resolution, "pretrained": pretrained}
    model = BackboneClassifier(spec.architecture, pathologies, spec=spec, **own, **options)
    if path is not None:
        _load(model, path, spec.architecture)
    return model.eval() if path is not None or pretrained else model


def _check_sources(weights: Path | None, url: str | None, sha256: str | None, pretrained: bool) -> None:
    if (weights is not None) + (url is not None) + pretrained > 1:
        raise ArgumentError("Give only one of weights, weights_url and pretrained.")
    if sha256 is not None and url is None:
        raise ArgumentError("sha256 is the hash of the file at weights_url, which is not given.")


def _asset(url: str, sha256: str | None) -> Asset:
    # files of one name at different addresses are different files
    place = (sha256 or hashlib.sha256(url.encode()).hexdigest())[:12]
    file = urlsplit(url).path.rpartition("/")[2] or "weights"
    return Asset(name=f"timm/{place}/{file}", urls=(url,), sha256=sha256)


def _load(model: BackboneClassifier, path: Path, network: str) -> None:
    """Fill the backbone, and the classifier where the file has one for as many outputs."""
    heads = timm_heads(network)
    state = timm_keys(load_state_dict(path), network)
    own = {f"classifier.{key}": tensor for key, tensor in model.classifier.state_dict().items()}
    fits = len(heads) == 1 and all(key in state and state[key].shape == t.shape for key, t in own.items())
    if not fits:
        more = tuple(f"backbone.{name}." for name in heads[1:])
        state = {k: t for k, t in state.items() if not k.startswith(("classifier.", *more))} | own
    load_into(model, state, path)
    if not fits:
        warnings.warn(
            f"The classifier is random: weights file {printable(path)} has none for "
            f"{len(model.pathologies)} pathologies. Train it before you use predictions.",
            stacklevel=2,
        )
