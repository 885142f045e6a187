"""What this plugin offers: the command ``xrv features``."""

from __future__ import annotations

from xrv_core import CommandSpec, hookimpl


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """The one command."""
    return [
        CommandSpec(
            name="features",
            title="Write a model's features of a dataset, and a UMAP or PCA picture of them",
            factory="xrv_features.cli:command",
        )
    ]
