"""Specs: what a plugin offers, as plain data plus a string that leads to the code.

A spec can be listed, shown and searched without importing anything of its plugin. Its factory
is imported at the first ``get_*`` and receives the spec as first argument, so that every fact
(labels, thresholds, addresses, hashes) is written once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeAlias

from xrv_core.errors import SpecError

__all__ = [
    "KINDS",
    "Asset",
    "AutoencoderSpec",
    "ClassifierSpec",
    "CommandSpec",
    "DatasetSpec",
    "Factory",
    "ModelSpec",
    "Spec",
]

Factory: TypeAlias = "str | Callable[..., Any]"

# One optional `family/` prefix serves open-ended names such as `timm/convnext_tiny`.
_NAME = re.compile(r"[a-z0-9._-]+(/[a-z0-9._-]+)*")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that is fetched once and then kept in the cache.

    Attributes:
        name: Path inside the cache, ``folder/file.ext``, with forward slashes.
        urls: Addresses, tried in order. ``package://module/path`` is a file shipped inside
            an installed package.
        sha256: Published hash, 64 hex digits, or None where nobody published one: the asset is
            then *unverified*, its hash is written down at first use and enforced afterwards.
        size: Size in bytes, or None.
        licence: Licence of the file, where it differs from its spec's.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        _tuples(self, "urls")
        parts = self.name.split("/")
        if not self.name or "\\" in self.name or any(p in ("", ".", "..") for p in parts):
            raise SpecError(f"Asset name {self.name!r} is not a plain relative path.")
        if not self.urls:
            raise SpecError(f"Asset {self.name!r} has no urls.")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise SpecError(f"Asset {self.name!r}: sha256 must be 64 lower-case hex digits.")

    @property
    def verified(self) -> bool:
        """Whether a published hash vouches for the bytes."""
        return self.sha256 is not None


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every registered thing tells about itself.

    Attributes:
        name: Registry name, lower case, ``[a-z0-9._-]+``.
        title: One line for people.
        factory: ``"package.module:callable"``; called as ``factory(spec, **arguments)``. Code that
            registers itself in a session may give the callable itself.
        licence: Licence of the data or the weights.
        citation: How to cite it.
        homepage: Where it is described.
        obtain: How to get the data or the weights, in words.
        description: Some sentences, optional.
        warning: Shown wherever its results are shown, optional.
        aliases: Other names that lead here.
    """

    name: str
    title: str
    factory: Factory
    licence: str
    citation: str
    homepage: str
    obtain: str
    description: str = ""
    warning: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _tuples(self, "aliases")
        for key in ("title", "licence", "citation", "homepage", "obtain"):
            value = getattr(self, key)
            if not isinstance(value, str) or not value.strip():
                raise SpecError(f"Spec {self.name!r}: {key!r} must be a non-empty string, got {value!r}.")
        for name in (self.name, *self.aliases):
            _check_name(name)
        _check_factory(self.name, self.factory)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain dicts, tuples, strings and numbers (for JSON and tables)."""
        plain = asdict(self)
        if callable(self.factory):
            plain["factory"] = f"{self.factory.__module__}:{getattr(self.factory, '__qualname__', '?')}"
        return plain


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset. Counts are those of the official release, None where unknown.

    Attributes:
        pathologies: Label names in column order; empty where they depend on the data given.
        views: Views the release holds, such as ``("PA", "AP")``.
        images: Number of images.
        images_frontal: Number of PA and AP images.
        patients: Number of patients.
        region: Where the images were taken.
        masks: Kinds of masks, such as ``("boxes",)`` or ``("lungs",)``.
        tables: Metadata tables that are fetched when no ``csvpath`` is given.
        terms: Terms of access that the user accepts by using the data.
        miniature: ``"package.module:function"`` that writes a few synthetic rows in the official
            layout, called as ``function(spec, folder)``, returns the arguments that open them.
        synthetic: True where no real patient is shown.
        overlaps: Other collections that show the same patients, as registry names.
        positives: Published number of positive images of the whole release, by label, where known.
    """

    pathologies: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    images: int | None = None
    images_frontal: int | None = None
    patients: int | None = None
    region: str = ""
    masks: tuple[str, ...] = ()
    tables: tuple[Asset, ...] = ()
    terms: str = ""
    miniature: Factory = ""
    synthetic: bool = False
    overlaps: tuple[str, ...] = ()
    positives: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _tuples(self, "pathologies", "views", "masks", "tables", "overlaps")
        _check_unique(self.name, "pathologies", self.pathologies)
        strangers = sorted(set(self.positives) - set(self.pathologies))
        if strangers:
            raise SpecError(f"Spec {self.name!r}: 'positives' counts {strangers[0]!r}, which is no pathology of it.")
        if self.miniature:
            _check_factory(self.name, self.miniature)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """What classifiers and autoencoders share.

    Attributes:
        architecture: Network, such as ``"densenet121"``.
        input_resolution: Height and width in pixels that the network wants, None for any.
        training_data: Registry names of the datasets it was trained on.
        weights: The weights file, None where there is none to fetch.
    """

    architecture: str = ""
    input_resolution: int | None = None
    training_data: tuple[str, ...] = ()
    weights: Asset | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _tuples(self, "training_data")


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec(ModelSpec):
    """A classifier.

    Attributes:
        pathologies: Names of the output columns, in order.
        trained: Which columns were ever trained; empty means all of them.
        op_threshs: Operating point of each column's sigmoid output, None for an untrained one;
            empty where the model has none.
    """

    pathologies: tuple[str, ...] = ()
    trained: tuple[bool, ...] = ()
    op_threshs: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _tuples(self, "pathologies", "trained", "op_threshs")
        _check_unique(self.name, "pathologies", self.pathologies)
        if not self.trained:
            object.__setattr__(self, "trained", (True,) * len(self.pathologies))
        for key in ("trained", "op_threshs"):
            values = getattr(self, key)
            if values and len(values) != len(self.pathologies):
                raise SpecError(
                    f"Spec {self.name!r}: {key!r} has {len(values)} values for {len(self.pathologies)} pathologies."
                )
        if any(t is not None and not 0 < t < 1 for t in self.op_threshs):
            raise SpecError(f"Spec {self.name!r}: every value of 'op_threshs' must lie between 0 and 1.")


@dataclass(frozen=True, kw_only=True)
class AutoencoderSpec(ModelSpec):
    """An autoencoder.

    Attributes:
        code_shape: Shape of the code of one image, without the batch dimension.
    """

    code_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _tuples(self, "code_shape")


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A command that a tool plugin adds to ``xrv``.

    Attributes:
        name: What is typed after ``xrv``.
        title: One line for ``xrv --help``.
        factory: ``"package.module:function"``, called with this spec, returns a ``click.Command``.
    """

    name: str
    title: str
    factory: Factory
    aliases: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_factory(self.name, self.factory)


#: Every kind of thing a plugin can offer. The hook that returns a kind's specs is ``xrv_<kind>s``.
KINDS: Mapping[str, type[Spec] | type[CommandSpec]] = {
    "dataset": DatasetSpec,
    "classifier": ClassifierSpec,
    "autoencoder": AutoencoderSpec,
    "command": CommandSpec,
}


def _tuples(spec: object, *names: str) -> None:
    """Freeze list fields, and refuse the classic slip of a lone string."""
    assert {f.name for f in fields(spec)} >= set(names)  # type: ignore[arg-type]
    for name in names:
        value = getattr(spec, name)
        if isinstance(value, str):
            owner = getattr(spec, "name", "?")
            raise SpecError(f"Spec {owner!r}: {name!r} must be a tuple, got the single string {value!r}.")
        object.__setattr__(spec, name, tuple(value))


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SpecError(f"{name!r} is not a registry name: use lower case letters, digits, '.', '_' and '-'.")


def _check_factory(name: str, factory: object) -> None:
    if callable(factory) or (isinstance(factory, str) and _FACTORY.fullmatch(factory)):
        return
    raise SpecError(f"Spec {name!r}: {factory!r} is no factory: give 'package.module:callable'.")


def _check_unique(name: str, key: str, values: tuple[str, ...]) -> None:
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        raise SpecError(f"Spec {name!r}: {key!r} names {', '.join(map(repr, twice))} more than once.")
