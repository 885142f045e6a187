"""``xrv plot sample|masks|covariate|difference|cooccurrence|totals DATASET --out FILE``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from xrv_core.cli import dataset_options, echo, open_dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xrv_core import CommandSpec

__all__ = ["command"]

_MEAN_SIZE = 128


def command(spec: CommandSpec) -> click.Command:
    """Build the command and its subcommands."""
    return click.Group(
        spec.name,
        short_help=spec.title,
        help=f"{spec.title}. DATASET is a name as `xrv list` shows it. Pictures show images of the dataset: handle "
        "them under the same rules as the data.",
        commands=[
            _picture("sample", "One image, with its masks (-o pathology_masks=true) and its labels.", _sample, [
                click.Option(["--item"], type=click.IntRange(0), default=0, show_default=True, help="Which item."),
            ]),
            _picture("masks", "Images with the masks of their pathologies.", _masks, [
                _labels_option(),
                click.Option(["--per-label"], type=click.IntRange(1), default=4, show_default=True, metavar="N"),
            ]),
            _picture("covariate", "How the items of two sites are drawn for a covariate shift.", _covariate, [
                *_site_options(), _ratio_option("--ratio", "0.5"),
            ]),
            _picture("difference", "Mean images of negatives and positives under a covariate shift.", _difference, [
                *_site_options(), _ratio_option("--ratios", "0,0.25,0.5,0.75,1"),
                click.Option(["--nsamples"], type=click.IntRange(2), metavar="N", help="Images at each ratio, even."),
            ], size=f"{_MEAN_SIZE}"),
            _picture("cooccurrence", "Which labels are present together.", _cooccurrence, [_labels_option()]),
            _picture("totals", "How many images have each label.", _totals, [_labels_option()]),
        ],
    )  # fmt: skip


def _picture(
    name: str,
    title: str,
    draw: Callable[..., Figure],
    options: list[click.Parameter],
    size: str = "its own size",
) -> click.Command:
    def run(dataset: str, out: str, **given: Any) -> None:
        from xrv_plot.canvas import check_path, save

        path = check_path(out)  # before anything is opened
        echo(save(draw(dataset, given), path))

    out = click.Option(["--out"], required=True, metavar="FILE", help=".png, .pdf or .svg; replaced if it exists.")
    arguments: list[click.Parameter] = [click.Argument(["dataset"]), out, *options, *dataset_options(size)]
    return click.Command(name, params=arguments, callback=run, short_help=title, help=title)


def _labels_option() -> click.Option:
    return click.Option(
        ["--labels"], metavar="A,B", callback=lambda _c, _o, text: _listed(text), help="Only these; default: all."
    )


def _ratio_option(name: str, default: str) -> click.Option:
    return click.Option(
        [name, "ratios"], default=default, show_default=True, metavar="R,R",
        callback=lambda _c, _o, text: _ratios(text),
        help="Share of the positives of train that come from the second site.",
    )  # fmt: skip


def _site_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--sites"], required=True, metavar="COLUMN=A,B", callback=lambda _c, _o, text: _sites(text),
            help="The two sites: rows with A and rows with B in a column of the table, such as view=PA,AP.",
        ),
        click.Option(["--target"], required=True, metavar="LABEL", help="The label that is the target."),
        click.Option(["--seed"], type=click.IntRange(0), default=0, show_default=True),
    ]  # fmt: skip


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _ratios(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers from 0 to 1, such as 0,0.5,1.") from None


def _sites(text: str) -> tuple[str, list[str]]:
    column, _, values = text.partition("=")
    found = _listed(values) or []
    if not column.strip() or len(found) != 2 or found[0] == found[1]:
        raise click.BadParameter(f"{text!r} is not COLUMN=A,B, such as view=PA,AP.")
    return column.strip(), found


def _sample(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_sample

    return plot_sample(open_dataset(name, given, given["size"]), given["item"])


def _masks(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_masks_grid

    dataset = open_dataset(name, given, given["size"], pathology_masks=True)
    return plot_masks_grid(dataset, given["labels"], per_pathology=given["per_label"])


def _covariate(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_covariate_split

    data, words = _two_sites(open_dataset(name, given, given["size"]), given)
    return plot_covariate_split(*data, given["ratios"], **words)


def _difference(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_mean_class_difference

    data, words = _two_sites(open_dataset(name, given, given["size"] or _MEAN_SIZE), given)
    return plot_mean_class_difference(*data, given["ratios"], nsamples=given["nsamples"], **words)


def _two_sites(dataset: Any, given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    from xrv_plot.canvas import check_labels
    from xrv_plot.sites import parts_of

    (label,) = check_labels(dataset, given["target"])
    column, values = given["sites"]
    index = list(dataset.pathologies).index(label)
    data = [thing for part in parts_of(dataset, column, values) for thing in (part, part.labels[:, index])]
    return data, {"names": tuple(values), "target": label, "seed": given["seed"]}


def _cooccurrence(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_label_cooccurrence

    return plot_label_cooccurrence(open_dataset(name, given, given["size"]), given["labels"])


def _totals(name: str, given: dict[str, Any]) -> Figure:
    from xrv_plot import plot_totals

    return plot_totals(open_dataset(name, given, given["size"]), given["labels"])
