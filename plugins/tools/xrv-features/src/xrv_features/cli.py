"""``xrv features MODEL DATASET --out FOLDER``."""

from __future__ import annotations

import shlex
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import xrv_core
from xrv_core.cli import ResultFolder, dataset_options, echo, open_dataset, parse_options
from xrv_core.errors import ArgumentError, PathMissing, UnknownName
from xrv_features.options import FILES, NOUN, POOLS, FeaturesOptions

if TYPE_CHECKING:
    from xrv_core import CommandSpec

__all__ = ["command"]

_DATASET = ("imgpath", "csvpath", "options", "views")


def command(spec: CommandSpec) -> click.Command:
    """Build the command."""
    return click.Command(
        spec.name,
        callback=_run,
        short_help=spec.title,
        help=(
            f"{spec.title}.\n\nMODEL is a classifier, for its features, or an autoencoder, for its codes; "
            "DATASET is a name as `xrv list` shows it. To see several datasets together, name each with --data. "
            "Writes features.parquet, features.json, projection.csv, projection.png and projection.html. "
            f"{xrv_core.NOT_MEDICAL}"
        ),
        params=[*_arguments(), *dataset_options("the input size of the model"), *_picture_options(), *_run_options()],
    )


def _arguments() -> list[click.Parameter]:
    return [
        click.Argument(["model"]),
        click.Argument(["dataset"], required=False),
        click.Option(
            ["--data"],
            multiple=True,
            metavar='"NAME KEY=VALUE ..."',
            help=(
                'A dataset with its own arguments, such as --data "nih imgpath=images views=PA". May be repeated: '
                "all are merged, and the column source says where an item is from."
            ),
        ),
    ]


def _picture_options() -> list[click.Parameter]:
    default = FeaturesOptions
    return [
        click.Option(
            ["--color", "--colour"],
            multiple=True,
            metavar="NAME",
            help="A label, view, sex, age_years, source or another column; each gets a panel. May be repeated.",
        ),
        click.Option(
            ["--projection"], type=click.Choice(["umap", "pca"]), help="Default: umap where umap-learn is installed."
        ),
        click.Option(
            ["--neighbors"], type=click.IntRange(2), default=default.neighbors, show_default=True, help="For UMAP."
        ),
        click.Option(
            ["--min-dist"], type=click.FloatRange(0, 1), default=default.min_dist, show_default=True, help="For UMAP."
        ),
        click.Option(["--seed"], type=click.IntRange(0), default=default.seed, show_default=True, help="For UMAP."),
    ]


def _run_options() -> list[click.Parameter]:
    default = FeaturesOptions
    return [
        click.Option(["--out"], required=True, metavar="FOLDER", help="New folder for the results."),
        click.Option(["--overwrite"], is_flag=True, help="Replace an earlier result in --out."),
        click.Option(["--raw-cells"], is_flag=True, help="Leave texts in projection.csv that a spreadsheet would run."),
        click.Option(["--weights"], default="default", help='A weights file, or "none" for random ones.'),
        click.Option(
            ["--pool"],
            type=click.Choice(POOLS),
            default=default.pool,
            show_default=True,
            help="For codes with positions: keep all numbers, or average over positions.",
        ),
        click.Option(["--batch-size"], type=click.IntRange(1), default=default.batch_size, show_default=True),
        click.Option(["--num-workers"], type=click.IntRange(0), default=default.num_workers, show_default=True),
        click.Option(["--device"], metavar="NAME", help="Where to compute, such as cpu or cuda."),
    ]


def _run(model: str, dataset: str | None, data: tuple[str, ...], **options: Any) -> None:
    wanted = _datasets(dataset, data, options)
    from xrv_features.colours import check_colours

    kind = _kind_of(model, options["weights"])  # what is wrong with names, files and columns is told before torch loads
    ResultFolder(options["out"], NOUN, FILES, options["overwrite"]).check()
    weights = None if options["weights"] == "none" else options["weights"]
    open_model = cache(lambda: getattr(xrv_core, f"get_{kind}")(model, weights=weights))

    def size(data: Any) -> int:
        if data is not None and len(wanted) == 1:
            check_colours(data, options["color"])
        found: int | None = options["size"] or getattr(open_model(), "input_resolution", None)
        if found is None:
            raise click.UsageError("This model takes images of any size: give one with --size, such as --size 224.")
        return found

    opened = [open_dataset(name, {**own, "limit": options["limit"]}, size) for name, own in wanted]
    net, merged = open_model(), _merged(opened)
    from xrv_features.job import Job

    arguments = {
        "weights": options["weights"],
        "size": size(None),
        "limit": options["limit"],
        "datasets": [{"name": name, **{key: own[key] for key in _DATASET}} for name, own in wanted],
    }
    given = {field.name: options[field.name] for field in fields(FeaturesOptions) if field.name in options}
    job = Job(net, merged, FeaturesOptions(**given), arguments)
    found, projection = job.run()
    _print(found, projection, job)


def _print(found: Any, projection: Any, job: Any) -> None:
    from xrv_features.job import titles
    from xrv_features.page import warnings

    title, subtitle = titles(found, projection)
    echo(f"{title}: {subtitle}")
    for name in ("features.parquet", "projection.png", "projection.html"):
        echo(job.folder.path / name)
    if projection.note:
        echo(projection.note, err=True)
    for warning in warnings(found.run):
        echo(f"Warning: {warning}", err=True)
    echo(found.run["notice"], err=True)


def _datasets(dataset: str | None, data: tuple[str, ...], options: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of all requested datasets."""
    own = {key: options[key] for key in _DATASET}
    if dataset is None and any(own.values()):
        raise click.UsageError(
            "--imgpath, --csvpath, -o and --views belong to DATASET: name it, or write all in --data."
        )
    found = [] if dataset is None else [(dataset, own)]
    for text in data:
        try:
            name, *pairs = shlex.split(text)
        except ValueError:
            raise click.BadParameter(f'{text!r} is not "NAME KEY=VALUE ...".', param_hint="'--data'") from None
        try:
            arguments = parse_options(pairs, {"transform": "--size"})
        except click.BadParameter as error:
            raise click.BadParameter(f"{name}: {error.message}", param_hint="'--data'") from None
        if isinstance(views := arguments.get("views"), str):
            arguments["views"] = views.split(",")
        found.append((name, {"imgpath": None, "csvpath": None, "options": arguments, "views": None}))
    if not found:
        raise click.UsageError("Name a DATASET, or several with --data.")
    return found


def _merged(datasets: list[Any]) -> Any:
    from xrv_core.datasets import MergeDataset

    return datasets[0] if len(datasets) == 1 else MergeDataset(datasets, pathologies="union")


def _kind_of(name: str, weights: str) -> str:
    """The kind of the model called ``name``: a classifier or an autoencoder, with weights that can be used."""
    errors: list[str] = []
    for kind in ("classifier", "autoencoder"):
        try:
            spec: Any = getattr(xrv_core, f"describe_{kind}")(name)
        except UnknownName as error:
            errors.append(str(error))
            continue
        if spec.weights is None and weights == "default" and not Path(name).is_file():
            raise ArgumentError(
                f"{name!r} has no published weights, so its features would be random. Give a file with --weights, or "
                "ask for random weights with --weights none."
            )
        if weights not in ("default", "none") and not Path(weights).expanduser().is_file():
            raise PathMissing(f"--weights {weights}: no such file. Give the path of a weights file, or none.")
        return kind
    helpful = [text for text in errors if "Did you mean" in text or "comes with" in text]
    raise UnknownName(" ".join(helpful or errors))
