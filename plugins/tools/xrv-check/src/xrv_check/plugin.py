"""What this plugin offers: the command `xrv check`."""

from xrv_core import CommandSpec, hookimpl

CHECK = CommandSpec(
    name="check",
    title="Verify a folder of images against its metadata table.",
    factory="xrv_check.cli:command",
)


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """`xrv check`."""
    return [CHECK]
