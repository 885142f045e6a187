"""A description as HTML: one piece that loads nothing, in the colours of the page around it, light or dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xrv_core.datasets.description.description import Description, LabelCount, Thumbnail

__all__ = ["page"]

# Seen on white and on black, and told apart by people who are colour-blind
_POSITIVE, _OTHER = "#2f8fd0", "#d9822b"
_FAINT = "currentColor"  # at a quarter of its strength
_BAR, _HIGH, _COLUMN = 180, 44, 22
_CELL = 'style="text-align:right;padding:1px 10px;font-variant-numeric:tabular-nums"'
_LEFT = 'style="text-align:left;padding:1px 10px 1px 0"'


def page(description: Description) -> str:
    """The description as a ``<div>``; every text of the data is escaped."""
    style = "margin:0 0 6px;white-space:pre-wrap;background:none;color:inherit"
    parts = [
        f'<pre style="{style}">{escape(description.name)}</pre>',
        _facts(description),
        _labels(description.labels),
        _pictures(description.thumbnails),
    ]
    return f'<div style="font-size:90%;line-height:1.4;max-width:60em">{"".join(parts)}</div>'


def _table(rows: Iterable[str]) -> str:
    return f'<table style="border-collapse:collapse;margin:0 0 8px;color:inherit">{"".join(rows)}</table>'


def _row(cells: Iterable[str]) -> str:
    return f'<tr style="background:none">{"".join(cells)}</tr>'


def _facts(description: Description) -> str:
    rows = []
    for name, fact in description.facts().items():
        chart = _ages(description.ages) if name == "age" and description.ages else ""
        head = f'<th style="text-align:left;vertical-align:top;padding:1px 14px 1px 0">{escape(name)}</th>'
        rows.append(_row([head, f'<td style="text-align:left">{escape(fact)}{chart}</td>']))
    return _table(rows)


def _ages(ages: dict[int, int]) -> str:
    """Columns by decade of age, over the first year of each."""
    most = max(ages.values())
    columns = []
    for i, (decade, number) in enumerate(ages.items()):
        height = _HIGH * number / most
        columns.append(
            f'<rect x="{i * _COLUMN + 1}" y="{_HIGH - height:.1f}" width="{_COLUMN - 2}" height="{height:.1f}" '
            f'fill="{_POSITIVE}"><title>{decade} to {decade + 9} years: {number:,} images</title></rect>'
            f'<text x="{i * _COLUMN + 1}" y="{_HIGH + 12}" font-size="10" fill="currentColor">{decade}</text>'
        )
    width = len(ages) * _COLUMN
    return (
        f'<br><svg style="margin-top:4px" role="img" aria-label="Images by age" width="{width}" height="{_HIGH + 15}" '
        f'viewBox="0 0 {width} {_HIGH + 15}">{"".join(columns)}</svg>'
    )


def _labels(labels: tuple[LabelCount, ...]) -> str:
    """Counts by label, with a bar whose colours stand beside the names of the columns."""
    other = any(label.other for label in labels)
    names = {"positive": _POSITIVE, "% of known": "", "negative": _FAINT, "unknown": "none"}
    if other:
        names["other"] = _OTHER
    head = [f"<th {_LEFT}>label</th><th></th>", *(f"<th {_CELL}>{_key(c)}{name}</th>" for name, c in names.items())]
    rows = [_row(head)]
    for label in labels:
        share = "-" if label.share is None else f"{100 * label.share:.1f}"
        counts = [f"{label.positive:,}", share, f"{label.negative:,}", f"{label.unknown:,}"]
        counts += [f"{label.other:,}"] * other
        cells = [f"<td {_LEFT}>{escape(label.name)}</td>", f'<td style="padding:1px 0">{_bar(label)}</td>']
        rows.append(_row([*cells, *(f"<td {_CELL}>{count}</td>" for count in counts)]))
    return _table(rows)


def _key(colour: str) -> str:
    """A square of the colour that stands for a column in the bars; "none" is an empty one."""
    if not colour:
        return ""
    paint = 'fill="none"' if colour == "none" else _fill(colour)
    return (
        '<svg width="9" height="9" aria-hidden="true" style="margin-right:4px"><rect x="0.5" y="0.5" width="8" '
        f'height="8" {paint} stroke="currentColor" stroke-opacity="0.3"/></svg>'
    )


def _fill(colour: str) -> str:
    return f'fill="{colour}" fill-opacity="{0.25 if colour == _FAINT else 1}"'


def _bar(label: LabelCount) -> str:
    total = label.positive + label.negative + label.unknown + label.other
    pieces, left = [], 0.0
    for number, colour in ((label.positive, _POSITIVE), (label.other, _OTHER), (label.negative, _FAINT)):
        width = _BAR * number / total if total else 0.0
        if number:
            pieces.append(f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="10" {_fill(colour)}/>')
        left += width
    frame = (
        f'<rect x="0.5" y="0.5" width="{_BAR - 1}" height="9" fill="none" stroke="currentColor" stroke-opacity="0.3"/>'
    )
    return (
        f'<svg role="img" aria-label="{label.positive:,} of {total:,} positive" width="{_BAR}" height="10" '
        f'viewBox="0 0 {_BAR} 10" style="vertical-align:middle">{"".join(pieces)}{frame}</svg>'
    )


def _pictures(thumbnails: tuple[Thumbnail, ...]) -> str:
    figures = [
        f'<figure style="margin:0 8px 8px 0;width:112px;display:inline-block;vertical-align:top">'
        f'<img src="{escape(shown.uri)}" alt="{escape(shown.title)}" style="max-width:112px;display:block">'
        f'<figcaption style="font-size:80%;overflow-wrap:anywhere">{escape(shown.title)}</figcaption></figure>'
        for shown in thumbnails
    ]
    return "".join(figures)
