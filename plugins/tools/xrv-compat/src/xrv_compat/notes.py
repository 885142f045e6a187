"""Warn once about each name, with its replacement."""

from __future__ import annotations

import warnings

from xrv_compat.names import NAMES

__all__ = ["CompatNote", "note", "warn_once"]

_noted: set[str] = set()


class CompatNote(FutureWarning):
    """A name of torchxrayvision is in use; the message has its replacement."""


def note(name: str) -> str:
    """One line about a name, such as ``"datasets.NIH_Dataset"``."""
    old = NAMES[name]
    differs = f" Differs from torchxrayvision: {old.differs}." if old.differs else ""
    return f"xrv_compat.{name}: new code writes {old.new}.{differs}"


def warn_once(name: str, stacklevel: int = 3) -> None:
    """Warn with ``note(name)``, the first time in this process.

    Args:
        name: One of ``NAMES``.
        stacklevel: As in ``warnings.warn``: 3 is the caller of the function that calls this one.
    """
    if name not in _noted:
        _noted.add(name)
        warnings.warn(note(name), CompatNote, stacklevel=stacklevel)
