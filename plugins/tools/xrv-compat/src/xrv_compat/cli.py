"""`xrv compat`."""

from __future__ import annotations

import click

from xrv_core import CommandSpec
from xrv_core.cli import echo


def command(spec: CommandSpec) -> click.Command:
    """The click command."""

    @click.command(spec.name, help=f"{spec.title} PATTERN is part of a name, such as NIH or models.")
    @click.argument("pattern", default="")
    def compat(pattern: str) -> None:
        from xrv_compat.names import NAMES

        found = {name: old for name, old in NAMES.items() if pattern.lower() in name.lower()}
        if not found:
            raise click.ClickException(f"No supported name of torchxrayvision contains {pattern!r}.")
        for name, old in found.items():
            echo(f"xrv.{name}")
            echo(f"  -> {old.new}")
            if old.differs:
                echo(f"     differs: {old.differs}")

    return compat
