"""The commands, as click knows them. What they do is in the modules of their names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from xrv_core import CommandSpec
from xrv_core.cli import MODELS

__all__ = ["convert", "export", "predict", "segment", "verify"]

_NAME = click.Argument(["name"])
_FILES = click.Argument(["files"], nargs=-1, required=True, type=click.Path())
_KIND = click.Option(["--kind"], type=click.Choice(MODELS), help="Where one name leads to several models.")
_WEIGHTS = click.Option(["--weights"], default="default", help="A weights file instead of the published one.")
_FORMAT = click.Option(
    ["--format", "form"], type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)

_DEVICE = click.Option(["--device"], metavar="NAME", help="Where to compute, such as cpu or cuda.")
_STRICT = click.Option(["--strict"], is_flag=True, help="Stop at the first file that fails.")
_LINKS = click.Option(["--follow-symlinks"], is_flag=True, help="Follow links that lead out of a folder.")
_WORKERS = "Processes that read images; 0 reads them in this process."


def _command(spec: CommandSpec, run: Callable[..., int | None], parameters: list[click.Parameter]) -> click.Command:
    def run_to_code(**given: Any) -> None:
        sys.exit(run(**given))

    return click.Command(spec.name, callback=run_to_code, params=parameters, help=spec.title)


def predict(spec: CommandSpec) -> click.Command:
    """The command `xrv predict`."""

    def run(name: str, files: tuple[str, ...], **options: Any) -> int:
        from xrv_run.predict import predict_command

        return predict_command(name, files, **options)

    own = [
        click.Option(
            ["--out"],
            type=click.Path(),
            metavar="FILE",
            help="A .csv or .jsonl file to write to, row by row. Run the same command again to continue it.",
        ),
        click.Option(["--batch-size"], type=click.IntRange(1), default=16, show_default=True),
        click.Option(["--num-workers"], type=click.IntRange(0), default=0, show_default=True, help=_WORKERS),
        _DEVICE,
        _STRICT,
        _LINKS,
    ]
    return _command(spec, run, [_NAME, _FILES, _WEIGHTS, _FORMAT, *own])


def segment(spec: CommandSpec) -> click.Command:
    """The command `xrv segment`."""

    def run(name: str, files: tuple[str, ...], **options: Any) -> int:
        from xrv_run.segment import segment_command

        return segment_command(name, files, **options)

    own = [
        click.Option(
            ["--out"], required=True, type=click.Path(), help="Folder to write to, as OUT/NAME/IMAGE/STRUCTURE.png."
        ),
        click.Option(["--structures"], multiple=True, help="Wanted structures, with commas between; default: all."),
        click.Option(
            ["--threshold"], type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the probability."
        ),
        click.Option(["--masks"], type=click.Choice(["png", "npz"]), default="png", show_default=True),
        click.Option(
            ["--overlay"], is_flag=True, help="Draw the outlines on the image, too: OUT/NAME/IMAGE/overlay.png."
        ),
    ]
    return _command(spec, run, [_NAME, _FILES, *own, _WEIGHTS, _FORMAT, _DEVICE, _STRICT, _LINKS])


def verify(spec: CommandSpec) -> click.Command:
    """The command `xrv verify`."""

    def run(name: str, **options: Any) -> int:
        from xrv_run.verify import verify_command

        return verify_command(name, **options)

    images = click.Option(
        ["--images"], type=click.Path(), help="Folder with copies of the reference images; default: fetch them."
    )
    return _command(spec, run, [_NAME, _KIND, images, _WEIGHTS])


def convert(spec: CommandSpec) -> click.Command:
    """The command `xrv convert`."""

    def run(names: tuple[str, ...], out: str | None, **options: Any) -> int:
        from xrv_run.convert import convert_command

        return convert_command(names, out, **options)

    own = [
        click.Option(
            ["--to"], type=click.Choice(["safetensors"]), required=True, expose_value=False, help="The format."
        ),
        click.Option(["--out"], type=click.Path(), help="The file to write; default: NAME.safetensors."),
        click.Option(["--overwrite"], is_flag=True, help="Replace a file that is there."),
        click.Option(["--member"], help="The weights file inside NAME, a zip archive of several."),
    ]
    return _command(spec, run, [click.Argument(["names"], nargs=-1, required=True), *own, _KIND, _STRICT])


def export(spec: CommandSpec) -> click.Command:
    """The command `xrv export`."""

    def run(name: str, files: tuple[str, ...], out: str | None, **options: Any) -> None:
        from xrv_run.export import export_command

        export_command(name, files, out, **options)

    images = click.Argument(["files"], nargs=-1, type=click.Path(), metavar="[IMAGES]...")
    own = [
        click.Option(["--to"], type=click.Choice(["onnx"]), required=True, expose_value=False, help="The format."),
        click.Option(["--out"], type=click.Path(), help="The file to write; default: NAME.onnx."),
        click.Option(["--size"], type=click.IntRange(1), help="Side of its images in pixels; default: the network's."),
        click.Option(["--overwrite"], is_flag=True, help="Replace a file that is there."),
    ]
    return _command(spec, run, [_NAME, images, *own, _KIND, _WEIGHTS])
