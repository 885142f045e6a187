"""What this plugin offers: the command `xrv compat`."""

from xrv_core import CommandSpec, hookimpl

COMPAT = CommandSpec(
    name="compat",
    title="What to write instead of the names of torchxrayvision.",
    factory="xrv_compat.cli:command",
)


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """`xrv compat`."""
    return [COMPAT]
