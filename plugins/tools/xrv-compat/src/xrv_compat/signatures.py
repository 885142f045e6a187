"""Signatures of methods out of tables of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any

__all__ = ["signature_of"]


def signature_of(arguments: Mapping[str, Any]) -> Signature:
    """``(self, name=default, ...)``."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    given = [Parameter(name, kind, default=default) for name, default in arguments.items()]
    return Signature([Parameter("self", kind), *given])
