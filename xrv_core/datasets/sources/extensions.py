"""Find out in which file format a user has the images of a collection."""

from __future__ import annotations

from collections.abc import Sequence

from xrv_core.datasets.sources.images import ImageSource
from xrv_core.errors import ArgumentError

__all__ = ["choose_extension"]


def choose_extension(
    source: ImageSource | None, stems: Sequence[str], choices: Sequence[str], given: str | None = None
) -> str:
    """The file name extension under which most of the images are there.

    Args:
        source: The user's images; None where they opened none.
        stems: Image paths without extension.
        choices: Extensions such as ``(".dcm", ".png")``; the first wins ties, and where no image is there.
        given: What the user says; it is taken as it is.

    Raises:
        ArgumentError: ``given`` is none of ``choices``, or a name is not unique in the source.
    """
    if given is not None:
        if given not in choices:
            raise ArgumentError(f"extension={given!r} is not known here. Choose one of: {', '.join(choices)}.")
        return given
    best, most = choices[0], 0
    if source is None:
        return best
    for choice in choices:
        found = len(stems) - len(source.missing([stem + choice for stem in stems]))
        if found > most:
            best, most = choice, found
        if most == len(stems):
            break
    return best
