"""The command `xrv publish`."""

from __future__ import annotations

from typing import Any

import click

from xrv_core import CommandSpec
from xrv_core.cli import echo

__all__ = ["command"]


def command(spec: CommandSpec) -> click.Command:
    """The command, as click knows it."""

    def run(model: str, registry: str, **options: Any) -> None:
        from xrv_labs.publishing import publish

        name = publish(model, registry, **options)
        echo(f"{name} is in {registry}. Whoever lists that file in XRV_REGISTRIES has it.")

    parameters: list[click.Parameter] = [
        click.Argument(["model"]),
        click.Argument(["registry"]),
        click.Option(["--name"], help="Name of the entry; default: the model's own."),
        click.Option(["--replace"], is_flag=True, help="Replace an entry of that name."),
        click.Option(["--prefix"], help="What names of a new registry begin with, such as lab."),
        click.Option(["--title"], help="Of a new registry."),
        click.Option(["--contact"], help="Of a new registry."),
        click.Option(["--licence"], help="Of a new registry: of entries that state none."),
    ]
    return click.Command(spec.name, callback=run, params=parameters, help=spec.title)
