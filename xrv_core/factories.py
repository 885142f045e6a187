"""From a name to the code behind it, imported when it is asked for, and back: how a model was built."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, cast

from xrv_core.errors import FactoryError, MissingDependency
from xrv_core.specs import CommandSpec, Factory, Spec

__all__ = ["front_attribute", "load_factory", "remember"]

#: Libraries that come with an extra of xrv-core, by the name under which they are imported.
_EXTRAS = {
    **dict.fromkeys(("numpy", "pandas", "PIL"), "datasets"),
    **dict.fromkeys(("torch", "torchvision", "timm", "safetensors"), "models"),
    **dict.fromkeys(("pydicom", "gdcm"), "dicom"),
    **dict.fromkeys(("pyarrow", "isal"), "tables"),
}


def load_factory(spec: Spec | CommandSpec, factory: Factory | None = None) -> Callable[..., Any]:
    """The code that a spec points to.

    Raises:
        MissingDependency: It needs a library that is not installed; the message gives the pip command.
        FactoryError: It cannot be imported; the message names the spec and the cause.
    """
    target = factory if factory is not None else spec.factory
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        return cast("Callable[..., Any]", getattr(importlib.import_module(module), attribute))
    except (KeyboardInterrupt, MissingDependency):
        raise
    except BaseException as error:  # a SyntaxError, a SystemExit: what is wrong with its module ends nothing
        if isinstance(error, ModuleNotFoundError) and _extra_of(error):
            raise _missing(repr(spec.name), error) from error
        reason = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        raise FactoryError(f"The code of {spec.name!r}, {target}, cannot be imported: {reason}") from error


def front_attribute(front: str, where: Mapping[str, str], name: str) -> Any:
    """What the ``__getattr__`` of a package gives whose names are imported when they are asked for.

    Args:
        front: The package, such as ``"xrv_core.datasets"``.
        where: Name -> the module or package inside it that defines the name.
        name: What is asked for.

    Raises:
        AttributeError: There is no such name.
        MissingDependency: It needs a library that is not installed; the message gives the pip command.
    """
    if name not in where:
        raise AttributeError(f"module {front!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{front}.{where[name]}"), name)
    except ModuleNotFoundError as error:
        if not _extra_of(error):
            raise
        raise _missing(f"{front}.{name}", error) from error


def _extra_of(error: ModuleNotFoundError) -> str | None:
    return _EXTRAS.get((error.name or "").partition(".")[0])


def _missing(what: str, error: ModuleNotFoundError) -> MissingDependency:
    return MissingDependency(
        f"{what} needs {error.name}, which is not installed: pip install 'xrv-core[{_extra_of(error)}]'"
    )


def remember(model: Any, spec: Spec, options: Mapping[str, Any]) -> Any:
    """Write on a model by which name it was built, unless it knows better; ``save_classifier`` reads it."""
    if hasattr(model, "state_dict") and getattr(model, "recipe", None) is None:
        model.recipe = {"registered": spec.name, "options": dict(options)}
    return model
