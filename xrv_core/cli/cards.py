"""Cards: the whole spec of a dataset or a model, printed on a terminal or written as Markdown."""

from __future__ import annotations

import functools
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from xrv_core import api
from xrv_core.cli.terminal import NOT_MEDICAL, echo, markdown, print_table, weights_state
from xrv_core.errors import printable
from xrv_core.specs import Asset, ClassifierSpec, DatasetSpec, ModelSpec, ReferenceOutput, Spec

__all__ = ["assets_of", "model_card", "print_card"]

MODELS = ("classifier", "autoencoder", "segmenter")

#: The lines of a card, in this order, if the spec has them: attribute, and its label.
FIELDS = {
    "title": "title", "warning": "warning", "description": "description", "task": "task", "architecture": "network",
    "parameters": "parameters", "input_resolution": "input", "code_shape": "code", "codebook": "codebook",
    "activation": "output", "training_data": "trained on", "pathologies": "labels", "structures": "structures",
    "views": "views", "images": "images", "images_frontal": "frontal images", "patients": "patients",
    "region": "region", "masks": "masks", "overlaps": "overlaps with", "synthetic": "synthetic", "licence": "licence",
    "terms": "terms", "obtain": "how to obtain", "contact": "contact", "homepage": "homepage", "citation": "citation",
    "aliases": "aliases",
}  # fmt: skip
OUTPUTS = {
    "sigmoid": "a probability for each, by itself (sigmoid)",
    "softmax": "probabilities that sum to 1 (softmax)",
    "identity": "numbers",
}
_WRAP = functools.partial(textwrap.TextWrapper, break_on_hyphens=False, break_long_words=False)


class Table(NamedTuple):
    """A table on a card."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def assets_of(spec: Spec) -> tuple[Asset, ...]:
    """The files that a spec has to fetch."""
    if isinstance(spec, DatasetSpec):
        return spec.tables
    if isinstance(spec, ModelSpec) and spec.weights is not None:
        return (spec.weights,)
    return ()


def model_card(name: str, kind: str | None = None) -> str:
    """The card of a model as Markdown.

    It has network, parameters, training sets, labels with their operating points, input, licence, the
    place and hash of the weights, published numbers, and the warning.

    Args:
        name: A classifier, autoencoder or segmenter.
        kind: The kind, if several have this name.

    Raises:
        UnknownName, NotInstalled: There is no such model.
    """
    found, spec = api.find(name, kind, MODELS)[0]
    lines = [f"# {spec.name}", "", f"**{NOT_MEDICAL}** {markdown(spec.warning)}".rstrip(), ""]
    lines += [f"- **{label}**: {markdown(text)}" for label, text in _facts(found, spec) if label != "warning"]
    for table in [*_tables(spec), *_published(spec)]:
        lines += ["", f"## {markdown(table.title)}", "", _row(table.head), _row(["---"] * len(table.head))]
        lines += [_row(row) for row in table.rows]
    return "\n".join(lines) + "\n"


def print_card(kind: str, spec: Spec) -> None:
    """Print the card of a spec, wrapped to the width of the terminal; long tables are on the Markdown card only."""
    echo(f"{spec.name}  ({kind})", bold=True)
    width = max(60, min(shutil.get_terminal_size().columns, 120))
    for label, text in [*_facts(kind, spec), *_verifiable(spec), ("note", NOT_MEDICAL)]:
        wrap = _WRAP(width, initial_indent=f"  {label:<18}", subsequent_indent=" " * 20)
        click.echo(wrap.fill(printable(text.replace("\n", " "))))
    for table in _tables(spec):
        title = textwrap.fill(printable(table.title), width, initial_indent="  ", subsequent_indent="    ")
        click.echo("\n" + click.style(title, bold=True))
        print_table(("", *table.head), [("", *row) for row in table.rows], right=range(2, 1 + len(table.head)))


def _facts(kind: str, spec: Spec) -> Iterator[tuple[str, str]]:
    in_a_table = {"pathologies"} if getattr(spec, "op_threshs", ()) or getattr(spec, "positives", {}) else set()
    for key, label in FIELDS.items():
        value = getattr(spec, key, None)
        if value not in ("", None, (), False) and key not in in_a_table:
            yield label, _text(spec, key, value)
    yield from getattr(spec, "publication", {}).items()  # of an entry in a lab's registry
    for asset in assets_of(spec):
        yield "file", f"{asset.name}  [{weights_state(asset)}]"
    if isinstance(spec, ModelSpec) and spec.weights_given:
        yield "file", "yours, given as weights=PATH"
    yield "offered by", getattr(spec, "origin", "") or api.origin(kind, spec.name)


def _text(spec: Spec, key: str, value: Any) -> str:
    if key == "input_resolution":
        return f"{value} x {value} pixels"
    if key == "code_shape":
        return " x ".join(map(str, value))
    if key == "codebook":
        return f"{value:,} entries"
    if key == "activation":
        return OUTPUTS[value] + (f" in {spec.unit}" if isinstance(spec, ClassifierSpec) and spec.unit else "")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _tables(spec: Spec) -> Iterator[Table]:
    if isinstance(spec, DatasetSpec) and spec.positives:
        rows = [(p, f"{spec.positives[p]:,}" if p in spec.positives else "-") for p in spec.pathologies]
        yield Table("Published number of positive images", ("label", "images"), rows)
    if isinstance(spec, ClassifierSpec) and spec.op_threshs:
        rows = [
            (name, "never trained" if not trained else "-" if point is None else f"{point:.4g}")
            for name, trained, point in zip(spec.pathologies, spec.trained, spec.op_threshs, strict=True)
        ]
        yield Table("Labels and their operating points", ("label", "operating point"), rows)
    if isinstance(spec, ModelSpec):
        for where, numbers in spec.reported.items():
            yield Table(f"Reported: {where}", ("label", "value"), _numbers(numbers))


def _published(spec: Spec) -> Iterator[Table]:
    if isinstance(spec, ModelSpec):
        for reference in spec.reference_outputs:
            yield Table(f"Published output for {_described(reference)}", ("name", "value"), _numbers(reference.outputs))


def _verifiable(spec: Spec) -> Iterator[tuple[str, str]]:
    if isinstance(spec, ModelSpec) and spec.reference_outputs:
        images = ", ".join(dict.fromkeys(r.image.name.rpartition("/")[2] for r in spec.reference_outputs))
        yield "published output", f"for {images}; `xrv verify {spec.name}` compares"


def _described(reference: ReferenceOutput) -> str:
    image = reference.image.name.rpartition("/")[2]
    size = f", resized to {reference.resize}" if reference.resize else ""
    return f"{image}{size} ({reference.source})"


def _numbers(numbers: Mapping[str, float]) -> list[tuple[str, ...]]:
    return [(name, f"{value:.6g}") for name, value in numbers.items()]


def _row(cells: Any) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"
