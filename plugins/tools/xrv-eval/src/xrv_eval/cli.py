"""``xrv evaluate CLASSIFIER DATASET``."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from xrv_core import CommandSpec
    from xrv_eval.evaluation import Evaluation

__all__ = ["command", "parse_options"]

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_PASSED_ON = ("out", "overwrite", "batch_size", "num_workers", "device", "bootstrap", "seed")
_RESERVED = {"imgpath": "--imgpath", "csvpath": "--csvpath", "views": "--views", "transform": "--size"}


def command(spec: CommandSpec) -> click.Command:
    """Build the command."""
    return click.Command(
        spec.name,
        callback=_run,
        short_help=spec.title,
        help=(
            f"{spec.title}.\n\nCLASSIFIER and DATASET are names as `xrv list` shows them. "
            "Prints the metrics table; --out also writes predictions, metrics, a record of the run and an HTML "
            "report. Not for medical use."
        ),
        params=[*_arguments(), *_data_options(), *_run_options()],
    )


def _arguments() -> list[click.Parameter]:
    return [
        click.Argument(["classifier"]),
        click.Argument(["dataset"]),
    ]


def _data_options() -> list[click.Parameter]:
    return [
        click.Option(["--imgpath"], metavar="PATH", help="Folder, .zip or .tar of the images."),
        click.Option(["--csvpath"], metavar="PATH", help="Metadata table; default: the dataset's published one."),
        click.Option(
            ["-o", "--option", "options"],
            multiple=True,
            callback=lambda _context, _option, pairs: parse_options(pairs),
            metavar="KEY=VALUE",
            help="Another argument of the dataset, such as -o split=test or -o n=500. May be repeated.",
        ),
        click.Option(["--views"], metavar="A,B", help="Only these views, such as PA,AP."),
        click.Option(["--limit"], type=click.IntRange(1), metavar="N", help="Only the first N items."),
        click.Option(
            ["--size"],
            type=click.IntRange(1),
            metavar="PIXELS",
            help="Centre-crop and resize to this; default: what the classifier wants.",
        ),
    ]


def _run_options() -> list[click.Parameter]:
    return [
        click.Option(["--out"], metavar="FOLDER", help="New folder for the results and the report."),
        click.Option(["--overwrite"], is_flag=True, help="Replace an earlier evaluation in --out."),
        click.Option(["--batch-size"], type=click.IntRange(1), default=16, show_default=True),
        click.Option(["--num-workers"], type=click.IntRange(0), default=0, show_default=True),
        click.Option(["--device"], metavar="NAME", help="Where to compute, such as cpu or cuda."),
        click.Option(["--bootstrap"], type=click.IntRange(0), default=1000, show_default=True),
        click.Option(["--seed"], type=click.IntRange(0), default=0, show_default=True),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON instead of the table."),
    ]


def parse_options(pairs: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` texts as arguments; values are TOML or JSON literals, bare words are strings.

    Raises:
        click.BadParameter: No ``=``, no name, a name given twice or one that has its own option, or a value
            that begins like a literal and is none.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE, such as -o n=500.")
        if key in _RESERVED:
            raise click.BadParameter(f"{key} has an option of its own: use {_RESERVED[key]}.")
        if key in found:
            raise click.BadParameter(f"{key} is given twice.")
        found[key] = _literal(key, text)
    return found


def _literal(key: str, text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for read in (json.loads, lambda t: tomllib.loads(f"value = {t}")["value"]):
        try:
            return read(text)
        except ValueError:
            continue
    if not text or text[0] in "[{\"'":
        raise click.BadParameter(f"the value of {key}, {text!r}, is no TOML or JSON literal.")
    return text


def _run(classifier: str, dataset: str, **options: Any) -> None:
    import xrv_core
    from xrv_eval import evaluate
    from xrv_eval.table import notes

    model = xrv_core.get_classifier(classifier)
    data = _open(dataset, options, _size(model, options["size"]))
    result = evaluate(model, data, **{key: options[key] for key in _PASSED_ON})
    click.echo(_as_json(result) if options["as_json"] else _as_text(result))
    for line in notes(result.run):
        click.echo(line, err=True)
    if result.report is not None:
        click.echo(f"report: {result.report}", err=True)


def _size(model: Any, size: int | None) -> int:
    found: int | None = size or getattr(model, "input_resolution", None)
    if found is None:
        raise click.UsageError("This classifier takes images of any size: say which with --size, such as --size 224.")
    return found


def _open(name: str, options: dict[str, Any], size: int) -> Any:
    import xrv_core
    from xrv_core.datasets import SubsetDataset, XRayCenterCrop, XRayResizer
    from xrv_core.torchvision_guard import import_torchvision

    import_torchvision()
    from torchvision.transforms.v2 import Compose

    arguments = dict(options["options"])
    arguments |= {key: options[key] for key in ("imgpath", "csvpath") if options[key] is not None}
    if options["views"]:
        arguments["views"] = [view.strip() for view in options["views"].split(",")]
    data = xrv_core.get_dataset(name, **arguments, transform=Compose([XRayCenterCrop(), XRayResizer(size)]))
    limit = options["limit"]
    return data if limit is None or limit >= len(data) else SubsetDataset(data, range(limit))


def _as_text(result: Evaluation) -> str:
    from xrv_eval.table import summary_line, table_lines

    return "\n".join([summary_line(result.run), "", *table_lines(result.metrics, result.run)])


def _as_json(result: Evaluation) -> str:
    rows = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in result.metrics.to_dict("records")
    ]
    report = None if result.report is None else str(result.report)
    return json.dumps({"metrics": rows, "run": result.run, "report": report}, indent=2, allow_nan=False)
