"""What this plugin offers: the command ``xrv evaluate``."""

from __future__ import annotations

from xrv_core import CommandSpec, hookimpl


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """The one command."""
    return [
        CommandSpec(
            name="evaluate",
            title="Evaluate a classifier on a dataset: metrics table and HTML report",
            factory="xrv_eval.cli:command",
        )
    ]
