"""The terms of use: the notice beside every prediction, and the terms of a dataset at its first use."""

from __future__ import annotations

from contextlib import suppress

from xrv_core.errors import tell
from xrv_core.specs import DatasetSpec

__all__ = ["NOT_MEDICAL", "tell_terms"]

NOT_MEDICAL = "Not for medical use."

_told: set[str] = set()  # where no file can be written, once a process is the best there is


def tell_terms(spec: DatasetSpec) -> None:
    """Print the terms of access of ``spec`` to stderr, if it has any and this cache folder has not seen them.

    Terms that have changed since are printed again.
    """
    if not spec.terms or f"{spec.name} {spec.terms}" in _told:
        return
    from xrv_core.assets import cache_dir

    _told.add(f"{spec.name} {spec.terms}")
    name = f"terms/{spec.name.replace('/', '_')}.txt"
    with suppress(OSError, ValueError):  # there may be no folder for it, and no text in it
        if (cache_dir() / name).read_text("utf-8") == spec.terms:
            return
    tell(f"{spec.name}: by using {spec.title} you accept its terms. {spec.terms} Licence: {spec.licence}")
    with suppress(OSError):
        (cache_dir() / name).parent.mkdir(parents=True, exist_ok=True)
        (cache_dir() / name).write_text(spec.terms, "utf-8")
