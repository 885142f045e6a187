"""The ``xrv`` command, and the building blocks of commands of tool plugins."""

from __future__ import annotations

from xrv_core.assets import ResultFolder
from xrv_core.cli.cards import MODELS, assets_of, model_card
from xrv_core.cli.commands import main
from xrv_core.cli.options import dataset_options, open_dataset, parse_options
from xrv_core.cli.terminal import NOT_MEDICAL, echo, markdown, print_table

__all__ = [
    "MODELS", "NOT_MEDICAL", "ResultFolder", "assets_of", "dataset_options", "echo", "main", "markdown", "model_card",
    "open_dataset", "parse_options", "print_table",
]  # fmt: skip
