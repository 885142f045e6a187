"""The commands `xrv publish`, `xrv yank` and `xrv sign`."""

from __future__ import annotations

import sys
from typing import Any

import click

from xrv_core import CommandSpec
from xrv_core.cli import echo

__all__ = ["publish_command", "sign_command", "yank_command"]

_SIGN = ["--sign"], {"metavar": "KEY", "help": "Key file to sign the registry with; a signed one needs it."}


def publish_command(spec: CommandSpec) -> click.Command:
    """`xrv publish`, as click knows it."""

    def run(model: str, registry: str, **options: Any) -> None:
        from xrv_core import api
        from xrv_labs.publishing import code_of, publish

        code = code_of(api.describe_classifier(model))
        if code and not options["trust_factory"] and sys.stdin is not None and sys.stdin.isatty():
            echo(f"{model} needs the code of {code}, which then runs at everybody who opens the model.", err=True)
            options["trust_factory"] = click.confirm("Do you trust the file and the code?", err=True)
        name = publish(model, registry, **options)
        echo(f"{name} is in {registry}. Whoever lists that file in XRV_REGISTRIES has it.")

    parameters: list[click.Parameter] = [
        click.Argument(["model"]),
        click.Argument(["registry"]),
        click.Option(["--name"], help="Name of the entry; default: the model's own."),
        click.Option(["--replace"], is_flag=True, help="Write over the last version instead of adding one."),
        click.Option(["--trust-factory"], is_flag=True, help="Trust the code that the file names; the entry says who."),
        click.Option(["--metrics"], help="Result folder of `xrv evaluate`, or a JSON file of numbers by label."),
        click.Option(["--publisher"], help="Who publishes; default: USER@MACHINE."),
        click.Option(_SIGN[0], **_SIGN[1]),
        click.Option(["--prefix"], help="What names of a new registry begin with, such as lab."),
        click.Option(["--title"], help="Of a new registry."),
        click.Option(["--contact"], help="Of a new registry."),
        click.Option(["--licence"], help="Of a new registry: of entries that state none."),
    ]
    return click.Command(spec.name, callback=run, params=parameters, help=spec.title)


def yank_command(spec: CommandSpec) -> click.Command:
    """`xrv yank`, as click knows it."""

    def run(name: str, registry: str, reason: str, sign: str | None) -> None:
        from xrv_labs.publishing import yank

        full = yank(name, registry, reason, sign=sign)
        echo(f"{full} is {'yanked' if reason else 'no longer yanked'} in {registry}.")

    parameters: list[click.Parameter] = [
        click.Argument(["name"]),
        click.Argument(["registry"]),
        click.Argument(["reason"]),
        click.Option(_SIGN[0], **_SIGN[1]),
    ]
    return click.Command(spec.name, callback=run, params=parameters, help=spec.title)


def sign_command(spec: CommandSpec) -> click.Command:
    """`xrv sign`, as click knows it."""

    def run(registry: str | None, key: str | None, new_key: str | None) -> None:
        from xrv_labs.keys import make_key
        from xrv_labs.places import trusted_keys_file
        from xrv_labs.publishing import sign

        if (registry is None) is not (key is None) or (registry is None) is (new_key is None):
            raise click.UsageError("Give REGISTRY and --key KEY, or --new-key KEY.")
        if new_key is not None:
            public = make_key(new_key)
            echo(f"{new_key} is the secret key {public.name}: keep it, and show it to nobody.")
            echo(f'Its public key, for {trusted_keys_file()} of those who trust you: lab = ["{public}"]')
        elif registry is not None and key is not None:
            count = len(sign(registry, key).history)
            echo(f"{registry} is signed, with {count} name{'s' * (count != 1)} in it.")

    parameters: list[click.Parameter] = [
        click.Argument(["registry"], required=False),
        click.Option(["--key"], help="Key file of `xrv sign --new-key` or `minisign -G`."),
        click.Option(["--new-key"], metavar="KEY", help="Make a key: the files KEY and, for others, its .pub."),
    ]
    return click.Command(spec.name, callback=run, params=parameters, help=spec.title)
