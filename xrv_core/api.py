"""List, describe and get: the functions behind the front door."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from xrv_core.catalogue import plugins, register, registered, reload_plugins, the_catalogue
from xrv_core.discovery import missing_owner
from xrv_core.errors import ArgumentError, NotInstalled, PathMissing, UnknownName
from xrv_core.factories import load_factory, remember
from xrv_core.specs import (
    KINDS,
    Asset,
    AutoencoderSpec,
    ClassifierSpec,
    CommandSpec,
    DatasetSpec,
    ModelSpec,
    SegmenterSpec,
    Spec,
)
from xrv_core.terms import tell_terms

if TYPE_CHECKING:
    from xrv_core.protocols import Autoencoder, Classifier, Dataset, Segmenter

__all__ = [
    "describe", "describe_autoencoder", "describe_classifier", "describe_dataset", "describe_segmenter", "fetch",
    "find", "get_autoencoder", "get_classifier", "get_dataset", "get_segmenter", "list_autoencoders",
    "list_classifiers", "list_datasets", "list_segmenters", "load_factory", "miniature", "names", "origin", "plugins",
    "register", "registered", "reload_plugins",
]  # fmt: skip


def names(kind: str, pattern: str | None = None) -> list[str]:
    """Registered names of a kind, sorted; ``pattern`` is a wildcard or a part of a name."""
    return the_catalogue().registries[kind].names(pattern)


def origin(kind: str, name: str) -> str:
    """Who offers ``name``."""
    registry = the_catalogue().registries[kind]
    return registry.origin(name) if name in registry else "an open-ended name"


def describe(kind: str, name: str) -> Spec | CommandSpec:
    """The spec of ``name``.

    Raises:
        UnknownName: No plugin offers it; the message suggests the nearest names.
        NotInstalled: A plugin of ours offers it, and is not installed or does not work.
    """
    catalogue = the_catalogue()
    registry = catalogue.registries[kind]
    spec = registry.find(name)
    if spec is not None:
        return cast("Spec | CommandSpec", spec)
    resolved = catalogue.resolve(kind, name)
    if resolved is not None:
        return resolved
    absent = missing_owner(kind, name, catalogue)
    if absent is not None:
        raise NotInstalled(absent + catalogue.changed())
    broken = sum(bool(p.problems) for p in catalogue.plugins)
    note = f" ({broken} plugin{'s' * (broken > 1)} did not load cleanly: `xrv plugins` says why.)" if broken else ""
    raise UnknownName(registry.unknown(name) + note + catalogue.changed())


def find(name: str, kind: str | None = None, kinds: Sequence[str] = tuple(KINDS)) -> list[tuple[str, Spec]]:
    """Every thing called ``name``, of one kind or of several.

    Raises:
        UnknownName: There is none; the message is that of the kind asked for, or tells all kinds' nearest names.
    """
    if kind is not None:
        return [(kind, cast("Spec", describe(kind, name)))]
    found: list[tuple[str, Spec]] = []
    errors: list[tuple[str, str]] = []
    for each in kinds:
        try:
            found.append((each, cast("Spec", describe(each, name))))
        except UnknownName as error:
            errors.append((each, str(error)))
    if not found:
        helpful = [e for each, e in errors if "Did you mean" in e or not e.startswith(f"No {each} named")]
        raise UnknownName(" ".join(helpful) or f"Nothing is named {name!r}. `xrv list` lists all names.")
    return found


def list_datasets(pattern: str | None = None) -> list[str]:
    """Names of all datasets, sorted; ``pattern`` is a wildcard such as ``"nih*"`` or a part of a name."""
    return names("dataset", pattern)


def list_classifiers(pattern: str | None = None) -> list[str]:
    """Names of all classifiers, sorted; open-ended families such as ``timm/...`` are not listed."""
    return names("classifier", pattern)


def list_autoencoders(pattern: str | None = None) -> list[str]:
    """Names of all autoencoders, sorted."""
    return names("autoencoder", pattern)


def list_segmenters(pattern: str | None = None) -> list[str]:
    """Names of all segmenters, sorted."""
    return names("segmenter", pattern)


def describe_dataset(name: str) -> DatasetSpec:
    """All that is known about a dataset, without importing its code."""
    return cast("DatasetSpec", describe("dataset", name))


def describe_classifier(name: str | Path) -> ClassifierSpec:
    """All that is known about a classifier, or tells the file of a saved one, without importing its code."""
    if isinstance(name, os.PathLike):
        name = Path(name).expanduser().absolute().as_uri()
    return cast("ClassifierSpec", describe("classifier", name))


def describe_autoencoder(name: str) -> AutoencoderSpec:
    """All that is known about an autoencoder, without importing its code."""
    return cast("AutoencoderSpec", describe("autoencoder", name))


def describe_segmenter(name: str) -> SegmenterSpec:
    """All that is known about a segmenter, without importing its code."""
    return cast("SegmenterSpec", describe("segmenter", name))


def get_dataset(
    name: str, imgpath: str | Path | None = None, csvpath: str | Path | None = None, **options: Any
) -> Dataset:
    """Open a dataset. Its terms of access are printed to stderr at the first use.

    Args:
        name: A name of ``list_datasets()``.
        imgpath: Folder, .zip or .tar of its images; None opens labels and table only.
        csvpath: Its metadata table; None fetches the hashed public one.
        **options: The dataset's own and the common ones: ``views``, ``unique_patients``,
            ``transform``, ``pathology_masks``, ``semantic_masks``, ``labels``, ``on_error``.

    Raises:
        UnknownName, NotInstalled: No such dataset here.
        ArgumentError: An option that the dataset does not have, or a value of another kind than it takes.
        XrvError: What the dataset says about its arguments and files.
    """
    spec = cast("DatasetSpec", describe("dataset", name))
    paths = {key: value for key, value in (("imgpath", imgpath), ("csvpath", csvpath)) if value is not None}
    from xrv_core.datasets.options import checked_options

    factory = load_factory(spec)
    with checked_options(spec, factory, options, paths):
        dataset = cast("Dataset", factory(spec, **paths, **options))
    for table in spec.tables:
        if table.sha256 is None and csvpath is None:
            from xrv_core.assets import asset_path, confirm

            confirm(asset_path(table))
    tell_terms(spec)
    return dataset


def get_classifier(name: str | Path, weights: str | Path | None = "default", **options: Any) -> Classifier:
    """Build a classifier and load its weights.

    Args:
        name: A name of ``list_classifiers()`` or of an open-ended family, such as ``timm/resnet18``; or a file of
            ``xrv_core.models.save_classifier``: a ``Path``, or a text that ends in ``.safetensors``.
        weights: "default" fetches the hashed published weights, None initialises at random, a path
            loads that file instead.
        **options: The model's own, such as ``pathologies`` for ``timm/...``. For a file
            ``trust_factory=True``: run the function that it names to build its network.

    Raises:
        UnknownName, NotInstalled: No such classifier here.
        AssetError: The weights cannot be fetched or verified.
        CheckpointError: The weights file cannot be read safely or does not fit.
    """
    spec = describe_classifier(name)
    return cast("Classifier", remember(_get_model(spec, weights, options), spec, options))


def get_autoencoder(name: str, weights: str | Path | None = "default", **options: Any) -> Autoencoder:
    """Build an autoencoder and load its weights; arguments and errors as in ``get_classifier``."""
    return cast("Autoencoder", _get_model(describe_autoencoder(name), weights, options))


def get_segmenter(name: str, weights: str | Path | None = "default", **options: Any) -> Segmenter:
    """Build a segmenter and load its weights; arguments and errors as in ``get_classifier``."""
    return cast("Segmenter", _get_model(describe_segmenter(name), weights, options))


def _get_model(spec: ModelSpec, weights: str | Path | None, options: dict[str, Any]) -> Any:
    from xrv_core.datasets.options import checked_options

    path = None if weights is None or weights == "default" else _own_weights(spec, weights)  # before torch is loaded
    factory = load_factory(spec)
    with checked_options(spec, factory, options):
        path = _default_weights(spec) if weights == "default" else path
        return factory(spec, weights=path, **options)


def _default_weights(spec: ModelSpec) -> Path | None:
    if spec.weights_given:
        raise ArgumentError(
            f"The weights of {spec.name!r} cannot be fetched: pass weights=PATH. How to obtain them: {spec.obtain} "
            "(weights=None gives the network with random weights.)"
        )
    if spec.weights_file:
        return Path(spec.weights_file)
    return None if spec.weights is None else fetch(spec.weights)


def _own_weights(spec: ModelSpec, weights: str | Path) -> Path:
    if spec.weights_file:
        raise ArgumentError(f"{spec.weights_file!r} brings its own weights: leave weights={str(weights)!r} out.")
    path = Path(weights).expanduser()
    if not path.is_file():
        raise PathMissing(
            f"weights={str(weights)!r}: no such file. Give the path of a weights file, "
            '"default" for the published weights, or None for random initialisation.'
        )
    return path


def fetch(asset: Asset, *, progress: bool | None = None) -> Path:
    """The path of an asset's file, downloaded if need be, and checked; see ``xrv_core.assets.fetch``.

    Authentication that a plugin has for an address, such as the token of a lab's registry, is sent along.
    """
    from xrv_core import assets

    return assets.fetch(asset, progress=progress, auth=the_catalogue().auth)


def miniature(name: str, folder: str | Path) -> dict[str, Any]:
    """Write a dataset's miniature and return the arguments that open it.

    A miniature is a few synthetic rows and images in the official layout:
    ``get_dataset(name, **miniature(name, folder))``.

    Raises:
        ArgumentError: The dataset has no miniature.
    """
    spec = describe_dataset(name)
    if not spec.miniature:
        raise ArgumentError(f"The dataset {spec.name!r} has no miniature: its spec does not name one.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return cast("dict[str, Any]", load_factory(spec, spec.miniature)(spec, folder))
