"""What is told of a name of torchxrayvision: plain data, and nothing is imported for it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["INCLUDED", "REQUIRED", "Old", "OldDataset", "OldModel"]

#: An argument without a default.
REQUIRED = inspect.Parameter.empty
#: torchxrayvision's word for a table that comes in its package; here such a table is fetched once, and hashed.
INCLUDED = "USE_INCLUDED_FILE"


@dataclass(frozen=True, kw_only=True)
class Old:
    """A name of torchxrayvision.

    Attributes:
        new: What to write instead.
        differs: What is not as in torchxrayvision 1.5.7.
    """

    new: str
    differs: str = ""


@dataclass(frozen=True, kw_only=True)
class OldDataset(Old):
    """A dataset class.

    Attributes:
        name: Name in the registry.
        arguments: Arguments and defaults, in torchxrayvision's order.
        renamed: Arguments that are called otherwise in the registry's dataset.
        unused: Arguments that torchxrayvision takes and does not use.
        tables: Arguments whose default is the table of that number in the spec.
        options: What the registry's dataset is given besides.
        views: torchxrayvision's words for views that are called otherwise here.
        patient: Column of the patient, for ``unique_patients``.
        by_patient: With ``unique_patients``, rows are in the order of ``patient``.
        order: Columns that rows are in the order of.
        shows: What is printed beside the number of items.
        keys: Columns that items carry, too.
        label_columns: Labels are columns of ``csv``, too.
        every_mask: Items have a mask for every label, empty where nothing was drawn.
    """

    name: str
    arguments: Mapping[str, Any]
    renamed: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    tables: Mapping[str, int] = field(default_factory=dict)
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
        name: Name in the registry; empty where the argument ``weights`` is the name.
        arguments: Arguments and defaults, in torchxrayvision's order.
        prints: What ``repr`` gives.
        outputs: What is made of logits: "logits", "sigmoid" or "log_softmax".
    """

    name: str = ""
    arguments: Mapping[str, Any]
    prints: str = ""
    outputs: str = "logits"
