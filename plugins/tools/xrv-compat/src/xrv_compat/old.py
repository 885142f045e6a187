"""Facts about the names of torchxrayvision, as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["INCLUDED", "REQUIRED", "Old", "OldDataset", "OldModel", "listed", "signature_of"]

#: An argument without a default.
REQUIRED = inspect.Parameter.empty
#: torchxrayvision's value for a table in its package; here such a table is fetched once and its hash is checked.
INCLUDED = "USE_INCLUDED_FILE"


@dataclass(frozen=True, kw_only=True)
class Old:
    """A name of torchxrayvision.

    Attributes:
        new: The replacement in new code.
        differs: Differences from torchxrayvision 1.5.7.
    """

    new: str
    differs: str = ""


@dataclass(frozen=True, kw_only=True)
class OldDataset(Old):
    """A dataset class.

    Attributes:
        name: Name in the registry.
        arguments: Arguments and defaults, in torchxrayvision's order.
        renamed: Arguments with another name in the registry's dataset, and that name.
        unused: Arguments that torchxrayvision accepts but does not use.
        image: Column that names a row's image.
        tables: Arguments whose default is the table of that number in the spec.
        needed: Whether ``tables`` are needed with these arguments and a table of the caller's own.
        asks: Method that torchxrayvision asks for masks.
        asks_shape: Whether it gets the shape of the image, not the width.
        options: Further arguments of the registry's dataset.
        views: torchxrayvision's views with another name here, and that name.
        patient: Column of the patient, for ``unique_patients``.
        by_patient: Whether ``unique_patients`` sorts the rows by ``patient``.
        order: Columns by which the rows are sorted.
        shows: Attributes that are printed beside the number of items.
        keys: Columns that are also keys of the items.
        label_columns: Whether labels are also columns of ``csv``.
        every_mask: Whether items have a mask for every label, empty if nothing was drawn.
    """

    name: str
    image: str
    arguments: Mapping[str, Any]
    renamed: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    tables: Mapping[str, int] = field(default_factory=dict)
    needed: Callable[[Mapping[str, Any]], bool] = lambda given: True
    asks: str = ""
    asks_shape: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    patient: str = ""
    by_patient: bool = True
    order: tuple[str, ...] = ()
    shows: tuple[str, ...] = ("views", "data_aug")
    keys: tuple[str, ...] = ()
    label_columns: bool = False
    every_mask: bool = False


@dataclass(frozen=True, kw_only=True)
class OldModel(Old):
    """A model class.

    Attributes:
        name: Name in the registry; "" if the argument ``weights`` is the name.
        arguments: Arguments and defaults, in torchxrayvision's order.
        prints: The result of ``repr``.
        outputs: Values of ``forward``: "logits", "sigmoid" or "log_softmax".
    """

    name: str = ""
    arguments: Mapping[str, Any]
    prints: str = ""
    outputs: str = "logits"


def signature_of(arguments: Mapping[str, Any]) -> inspect.Signature:
    """The signature ``(self, name=default, ...)`` of a constructor."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [inspect.Parameter(name, kind, default=default) for name, default in arguments.items()]
    return inspect.Signature([inspect.Parameter("self", kind), *given])


def listed(views: Any) -> list[Any]:
    """``views`` as a list; ``["*"]`` if it contains ``"*"``."""
    found = list(views) if isinstance(views, list | tuple) else [views]
    return ["*"] if "*" in found else found
