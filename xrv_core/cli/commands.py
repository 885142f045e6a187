"""The ``xrv`` command. Starts fast: heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from xrv_core import __version__, api
from xrv_core.assets import writing
from xrv_core.cli.cards import assets_of, model_card, print_card
from xrv_core.cli.terminal import echo, print_table, weights_state
from xrv_core.discovery import Plugin, contained, working_folder
from xrv_core.errors import FactoryError, UnknownName, XrvError, printable, tell
from xrv_core.specs import ClassifierSpec, DatasetSpec, ModelSpec, SegmenterSpec, Spec

__all__ = ["main"]

_KINDS = ("dataset", "classifier", "autoencoder", "segmenter")
_KIND_OPTION = click.option("--kind", type=click.Choice(_KINDS), help="Needed if several kinds have this name.")


class Commands(click.Group):
    """The built-in commands and those of tool plugins; a plugin's code is imported when its command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *api.names("command")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its plugin imported now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        try:
            spec = api.describe("command", cmd_name)
        except UnknownName as error:
            raise click.UsageError(str(error)) from None
        command = api.load_factory(spec)(spec)
        if not isinstance(command, click.Command):
            raise FactoryError(
                f"The code of {cmd_name!r}, {spec.factory}, returned {command!r:.80}, which is no command."
            )
        return command

    def main(self, *args: Any, **more: Any) -> Any:
        """Run; characters that the terminal cannot show are escaped, instead of ending the command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # not None, which it is if it was closed
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **more)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list under ``xrv --help``, from specs: no plugin's code is imported."""
        rows = [(name, command.get_short_help_str(90)) for name, command in self.commands.items()]
        rows += [(name, printable(api.describe("command", name).title)) for name in api.names("command")]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))

    def invoke(self, ctx: click.Context) -> Any:
        """Run; our own errors and a full disk become one line and exit code 1, Ctrl-C becomes one line and 130."""
        try:
            with _stdout_for_answers():
                api.plugins()
            with writing(Path("/dev/stdout").resolve()):  # files have been named by those who write them
                return super().invoke(ctx)
        except (XrvError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:  # click ends quietly
                raise
            raise click.ClickException(str(error)) from error
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # what follows is its own usage line
            raise
        except KeyboardInterrupt:
            tell("Interrupted.")
            ctx.exit(130)


@contextmanager
def _stdout_for_answers() -> Iterator[None]:
    """What plugins write to stdout while they load, past ``sys.stdout`` and in processes of theirs, goes to stderr."""
    kept = None
    with suppress(OSError):  # one of them is closed
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="xrv")
def main() -> None:
    """Datasets, models and tools for chest X-ray research. Not for medical use."""


@main.command("list")
@click.argument("what", required=False)
@click.argument("pattern", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the specs as JSON.")
def list_(what: str | None, pattern: str | None, as_json: bool) -> None:
    """List all, or those of a kind (WHAT is datasets, classifiers, ...), or those whose names fit PATTERN."""
    if what and what.removesuffix("s") not in _KINDS:
        if pattern or not any(c in what for c in "*?[/"):
            raise click.UsageError(f"{what!r} is not one of {', '.join(f'{k}s' for k in _KINDS)}, and no pattern.")
        what, pattern = None, what
    kinds = [what.removesuffix("s")] if what else list(_KINDS)
    found = {kind: [api.find(name, kind)[0][1] for name in api.names(kind, pattern)] for kind in kinds}
    if pattern and not any(found.values()):
        with suppress(UnknownName):
            api.find(pattern, None, kinds)  # the plugin whose names these are may say why there is none
    if as_json:
        plain = {f"{kind}s": [spec.to_dict() for spec in specs] for kind, specs in found.items()}
        click.echo(json.dumps(plain, indent=2, default=str))
        return
    for number, (kind, specs) in enumerate(found.items()):
        if not what:
            click.echo("\n" * bool(number), nl=False)
            echo(f"{kind}s".upper(), bold=True)
        table = {"dataset": ("NAME IMAGES LABELS MASKS TITLE LICENCE", _dataset_row)}
        head, row = table.get(kind, ("NAME LABELS PIXELS WEIGHTS TITLE", _model_row))
        print_table(head.split(), map(row, specs), right=(1, 2))
    troubled = sum(bool(p.problems) for p in api.plugins())
    if troubled:
        echo(f"{troubled} plugin{'s' * (troubled > 1)} with problems: see `xrv plugins`.", err=True)


@main.command()
@click.argument("name")
@_KIND_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the spec as JSON.")
@click.option("--markdown", is_flag=True, help="Print a model's card as Markdown.")
def show(name: str, kind: str | None, as_json: bool, markdown: bool) -> None:
    """Show the card of NAME: a dataset or a model."""
    if markdown:
        click.echo(model_card(name, kind), nl=False)
        return
    specs = api.find(name, kind, _KINDS)
    if as_json:
        click.echo(json.dumps([{"kind": k, **s.to_dict()} for k, s in specs], indent=2, default=str))
        return
    for number, (found, spec) in enumerate(specs):
        click.echo("\n" * bool(number), nl=False)
        print_card(found, spec)


@main.command("plugins")
def plugins_() -> None:
    """List installed plugins and their problems, also those that reading their code shows; exit code 1 if any."""
    from xrv_core.testing import plugin_problems

    plugins = [replace(p, problems=[*p.problems, *plugin_problems(p)]) for p in api.plugins()]
    print_table(("PLUGIN", "STATE", "OFFERS"), [(p.distribution, p.state, _offers(p)) for p in plugins])
    problems = [f"{p.distribution} ({p.name}): {problem}" for p in plugins for problem in p.problems]
    for problem in problems:
        echo(problem, err=True)
    sys.exit(bool(problems))


@main.command()
@click.argument("name")
@_KIND_OPTION
def fetch(name: str, kind: str | None) -> None:
    """Fetch the weights or metadata tables of NAME into the cache."""
    specs = api.find(name, kind, _KINDS)
    if len(specs) > 1:
        raise click.UsageError(f"{name!r} is a {' and a '.join(k for k, _ in specs)}: say which with --kind.")
    assets = assets_of(specs[0][1])
    if not assets:
        raise click.ClickException(f"{name!r} has nothing to fetch. How to obtain it: {specs[0][1].obtain}")
    for asset in assets:
        echo(api.fetch(asset))


@main.command()
def doctor() -> None:
    """Show versions, folders and what works on this machine; exit code 1 if something does not."""
    import importlib.metadata
    import platform

    from xrv_core.assets import cache_dir
    from xrv_core.torchvision_guard import torchvision_state

    def version(library: str) -> str:
        try:
            return importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    troubles = [f"{p.distribution}: {len(p.problems)} problems, see `xrv plugins`" for p in api.plugins() if p.problems]
    cache = "none"
    try:
        cache = str(cache_dir())
        if not os.access(next(p for p in (Path(cache), *Path(cache).parents) if os.access(p, os.F_OK)), os.W_OK):
            troubles.append(f"The cache folder {cache} cannot be written to. Set XRV_CACHE_DIR to another folder.")
    except XrvError as error:
        troubles.append(str(error))
    rows = [("python", platform.python_version()), ("xrv_core", __version__), ("cache", cache)]
    libraries = ("numpy", "pandas", "pyarrow", "torch", "timm", "pydicom", "python-gdcm", "pylibjpeg", "imagecodecs")
    rows += [(library, version(library)) for library in libraries]
    state = version("torchvision")
    if not working_folder():
        troubles.append("The working directory was deleted, so that torch cannot be loaded. Change to another one.")
    elif "not installed" not in (state, version("torch")):
        with contained(troubles, "import of torchvision"):
            state = torchvision_state()
    rows.append(("torchvision", state))
    print_table(("WHAT", "VERSION OR PLACE"), rows)
    for trouble in troubles:
        echo(trouble, err=True)
    sys.exit(bool(troubles))


def _dataset_row(spec: Spec) -> tuple[Any, ...]:
    assert isinstance(spec, DatasetSpec)
    images = "-" if spec.images is None else f"{spec.images:,}"
    labels, masks = len(spec.pathologies) or "from data", ", ".join(spec.masks) or "-"
    return spec.name, images, labels, masks, spec.title, shorten(spec.licence, 50, placeholder=" …")


def _model_row(spec: Spec) -> tuple[Any, ...]:
    assert isinstance(spec, ModelSpec)
    labels: int | str = "-"
    if isinstance(spec, ClassifierSpec):
        labels = sum(spec.trained)
    elif isinstance(spec, SegmenterSpec):
        labels = len(spec.structures)
    title, size = " ".join([spec.title, *getattr(spec, "versions", ())]), spec.input_resolution or "any"
    return spec.name, labels, size, "yours, by path" if spec.weights_given else weights_state(spec.weights), title


def _offers(plugin: Plugin) -> str:
    counts = [f"{len(names)} {kind}{'s' * (len(names) > 1)}" for kind, names in plugin.offers.items()]
    return ", ".join([*counts, *["open-ended names"] * plugin.open_ended]) or "nothing"
