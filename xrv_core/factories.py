"""From the string in a spec to the code that it names, and back: how a model in hand was built."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, cast

from xrv_core.errors import FactoryError
from xrv_core.specs import CommandSpec, Factory, Spec

__all__ = ["load_factory", "remember"]


def load_factory(spec: Spec | CommandSpec, factory: Factory | None = None) -> Callable[..., Any]:
    """The code that a spec points to.

    Raises:
        FactoryError: It cannot be imported; the message names the spec and the cause.
    """
    target = factory if factory is not None else spec.factory
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        return cast("Callable[..., Any]", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise FactoryError(f"The code of {spec.name!r}, {target}, cannot be imported: {error}") from error


def remember(model: Any, spec: Spec, options: Mapping[str, Any]) -> Any:
    """Write on a model by which name it was built, unless it knows better; ``save_classifier`` reads it."""
    if hasattr(model, "state_dict") and getattr(model, "recipe", None) is None:
        model.recipe = {"registered": spec.name, "options": dict(options)}
    return model
