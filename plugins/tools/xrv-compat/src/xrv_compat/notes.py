"""Tell, once for each name, what to write instead."""

from __future__ import annotations

import warnings

from xrv_compat.names import NAMES

__all__ = ["CompatNote", "note", "tell"]

_told: set[str] = set()


class CompatNote(FutureWarning):
    """A name of torchxrayvision is in use; the text says what to write instead."""


def note(name: str) -> str:
    """The one line about a name, such as ``"datasets.NIH_Dataset"``."""
    old = NAMES[name]
    differs = f" Differs from torchxrayvision: {old.differs}." if old.differs else ""
    return f"xrv_compat.{name}: new code writes {old.new}.{differs}"


def tell(name: str, stacklevel: int = 3) -> None:
    """Warn with ``note(name)``, the first time in this process.

    Args:
        name: One of ``NAMES``.
        stacklevel: As in ``warnings.warn``: 3 is the caller of the function that calls this.
    """
    if name not in _told:
        _told.add(name)
        warnings.warn(note(name), CompatNote, stacklevel=stacklevel)
