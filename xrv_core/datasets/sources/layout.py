"""Find the images of a release, whichever of its folders ``imgpath`` is."""

from __future__ import annotations

from xrv_core.datasets.sources.images import ImageSource

__all__ = ["release_folder"]


def release_folder(source: ImageSource | None, *folders: str) -> str:
    """The first of ``folders`` that is in ``source``, with a slash; empty where none is.

    Args:
        source: The folder or archive that the user gave, or None.
        *folders: Paths below a release, such as ``"files"``.

    Returns:
        What to write before the names of images, such as ``"files/"``.
    """
    if source is None:
        return ""
    if source.root.is_dir():
        found = [folder for folder in folders if (source.root / folder).is_dir()]
    else:
        names = source.names()
        found = [folder for folder in folders if any(name.startswith(f"{folder}/") for name in names)]
    return f"{found[0]}/" if found else ""
