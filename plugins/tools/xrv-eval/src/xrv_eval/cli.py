"""``xrv evaluate CLASSIFIER DATASET``."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from xrv_core import NOT_MEDICAL
from xrv_core.cli import ResultFolder, dataset_options, echo, open_dataset
from xrv_core.errors import printable
from xrv_eval.options import FILES, EvaluationOptions

if TYPE_CHECKING:
    from xrv_core import CommandSpec
    from xrv_eval.evaluation import Evaluation

__all__ = ["command"]


def command(spec: CommandSpec) -> click.Command:
    """Build the command."""
    return click.Command(
        spec.name,
        callback=_run,
        short_help=spec.title,
        help=(
            f"{spec.title}.\n\nCLASSIFIER and DATASET are names as `xrv list` shows them. "
            "Prints the metrics table; --out also writes predictions, metrics, a record of the run and an HTML "
            f"report. {NOT_MEDICAL}"
        ),
        params=[*_arguments(), *dataset_options("the input size of the classifier"), *_run_options()],
    )


def _arguments() -> list[click.Parameter]:
    return [
        click.Argument(["classifier"]),
        click.Argument(["dataset"]),
    ]


def _run_options() -> list[click.Parameter]:
    default = EvaluationOptions
    return [
        click.Option(["--out"], metavar="FOLDER", help="New folder for the results and the report."),
        click.Option(["--overwrite"], is_flag=True, help="Replace an earlier evaluation in --out."),
        click.Option(["--batch-size"], type=click.IntRange(1), default=default.batch_size, show_default=True),
        click.Option(["--num-workers"], type=click.IntRange(0), default=default.num_workers, show_default=True),
        click.Option(["--device"], metavar="NAME", help="Where to compute, such as cpu or cuda."),
        click.Option(["--bootstrap"], type=click.IntRange(0), default=default.bootstrap, show_default=True),
        click.Option(["--seed"], type=click.IntRange(0), default=default.seed, show_default=True),
        click.Option(
            ["--acknowledge-leakage"], is_flag=True, help="Continue although the training data is known to overlap."
        ),
        click.Option(["--raw-cells"], is_flag=True, help="Leave texts in metrics.csv that a spreadsheet would run."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON instead of the table."),
    ]


def _run(classifier: str, dataset: str, **options: Any) -> None:
    import xrv_core

    xrv_core.describe_classifier(classifier)  # what is wrong with names, files and columns is told before torch loads
    if options["out"] is not None:
        ResultFolder(options["out"], "evaluation", FILES, options["overwrite"]).check()
    model = cache(lambda: xrv_core.get_classifier(classifier))
    data = open_dataset(dataset, options, lambda _: _size(model(), options["size"]))
    from xrv_eval.evaluation import run_evaluation
    from xrv_eval.table import notes

    given = {field.name: options[field.name] for field in fields(EvaluationOptions) if field.name in options}
    result = run_evaluation(model(), data, EvaluationOptions(**given))
    click.echo(_as_json(result) if options["as_json"] else _as_text(result))
    for line in notes(result.run):
        echo(line, err=True)
    if result.report is not None:
        echo(f"report: {result.report}", err=True)


def _size(model: Any, size: int | None) -> int:
    found: int | None = size or getattr(model, "input_resolution", None)
    if found is None:
        raise click.UsageError("This classifier takes images of any size: give one with --size, such as --size 224.")
    return found


def _as_text(result: Evaluation) -> str:
    from xrv_eval.table import summary_line, table_lines

    return "\n".join(map(printable, [summary_line(result.run), "", *table_lines(result.metrics, result.run)]))


def _as_json(result: Evaluation) -> str:
    rows = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in result.metrics.to_dict("records")
    ]
    report = None if result.report is None else str(result.report)
    return json.dumps({"metrics": rows, "run": result.run, "report": report}, indent=2, allow_nan=False)
