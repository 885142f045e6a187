"""What this plugin offers: the command ``xrv plot``."""

from __future__ import annotations

from xrv_core import CommandSpec, hookimpl


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """The one command, which has a command for each picture."""
    return [
        CommandSpec(
            name="plot",
            title="Draw a dataset: samples, masks, labels, covariate shift",
            factory="xrv_plot.cli:command",
        )
    ]
