"""Find images whatever the layout of the user's copy: other folders around them, other extensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xrv_core.datasets.sources.archives import image_extension, split_extension
from xrv_core.errors import ArgumentError, ImageMissing

if TYPE_CHECKING:
    from xrv_core.datasets.sources.images import ImageSource

__all__ = ["Located", "identity", "located", "not_unique"]

_OFFICIAL = "official"


class Located(NamedTuple):
    """Where N images are.

    Attributes:
        paths: N paths below the root; None for an image that is not there.
        extension: The extension that was taken instead of the official ones, in lower case; None if it is these.
        counts: How many of the images are there with each extension, if some are there with another one only.
    """

    paths: list[str | None]
    extension: str | None
    counts: dict[str, int]


def identity(path: str, parts: int | None) -> str:
    """The part of a path that tells which image it is, without extension; ``parts`` as in ``ImageSource``."""
    if parts is not None and path.count("/") >= parts:
        path = "/".join(path.rsplit("/", parts)[1:])
    return split_extension(path)[0]


def located(source: ImageSource, names: Sequence[str], other_extensions: bool) -> Located:
    """See ``ImageSource.locate``."""
    indexes: dict[int, dict[str, dict[str, list[str]]]] = {}
    there: list[dict[str, list[str]]] = []
    counts: Counter[str] = Counter()
    owns = [image_extension(name) for name in names]
    for name, own in zip(names, owns, strict=True):
        parts = source.parts or name.count("/") + 1
        if parts not in indexes:
            indexes[parts] = _index(source, parts)
        by_extension = indexes[parts].get(identity(name, parts), {})
        if not other_extensions:
            by_extension = {own: by_extension[own]} if own in by_extension else {}
        there.append(by_extension)
        counts.update(by_extension.keys())
        counts[_OFFICIAL] += own in by_extension
    official = counts.pop(_OFFICIAL, 0)
    extension = _chosen(source.root, official, counts) if official < len(names) else None
    paths = []
    for name, own, by_extension in zip(names, owns, there, strict=True):
        candidates = by_extension.get(own if extension is None else extension, [])
        paths.append(_nearest(source.root, name, candidates) if candidates else None)
    mixed = any(path is None and by_extension for path, by_extension in zip(paths, there, strict=True))
    return Located(paths, extension, dict(counts.most_common()) if mixed else {})


def not_unique(root: Path, name: str, paths: Sequence[str]) -> ArgumentError:
    """The error about a name that several files have."""
    return ArgumentError(
        f"{root}: {name!r} is not a unique file name: {paths[0]!r} and {paths[1]!r}. "
        "Pass a narrower imgpath, or remove one of them."
    )


def _index(source: ImageSource, parts: int) -> dict[str, dict[str, list[str]]]:
    """The paths of the files by ``identity`` and extension; paths shorter than ``parts`` go on above the root."""
    root = source.root.absolute()
    above = (root if root.is_dir() else root.with_suffix("")).as_posix() + "/" + source.top
    index: dict[str, dict[str, list[str]]] = {}
    for path in source.names():
        whole = path if path.count("/") >= parts - 1 else above + path
        if whole.count("/") >= parts:
            whole = "/".join(whole.rsplit("/", parts)[1:])
        stem, extension = split_extension(whole)
        index.setdefault(stem, {}).setdefault(extension, []).append(path)
    return index


def _chosen(root: Path, official: int, counts: Counter[str]) -> str | None:
    """The extension of most images; None if no other one has more than the official ones."""
    ranked = counts.most_common(2)
    if not ranked or ranked[0][1] <= official:
        return None
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        (one, number), (other, _) = ranked
        raise ImageMissing(
            f"{root}: {number} of the images are there as {one or 'files without extension'} and as many as "
            f"{other or 'files without extension'}, so it is not clear which to take. "
            "Give a folder that holds only one kind as imgpath."
        )
    return ranked[0][0]


def _nearest(root: Path, name: str, candidates: list[str]) -> str:
    """The candidate that shares most of the last folders with ``name``."""
    if len(candidates) == 1 or name in candidates:
        return candidates[0] if len(candidates) == 1 else name
    wanted = name.split("/")

    def shared(path: str) -> tuple[int, bool]:
        folders = zip(reversed(path.split("/")[:-1]), reversed(wanted[:-1]), strict=False)
        same = [one == other for one, other in folders]
        return (same.index(False) if False in same else len(same), path.endswith(wanted[-1]))

    best = max(map(shared, candidates))
    near = [path for path in candidates if shared(path) == best]
    if len(near) > 1:
        raise not_unique(root, wanted[-1], near)
    return near[0]
