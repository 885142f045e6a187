"""Output of several commands: texts, tables, the warning with every prediction; and text inside Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

import click

from xrv_core.errors import printable
from xrv_core.specs import Asset
from xrv_core.terms import NOT_MEDICAL

__all__ = ["NOT_MEDICAL", "echo", "markdown", "print_table", "weights_state"]

_MARKUP = re.compile(r"[\\`*|]|(?<=\])\(|(?<![^\W_])_|_(?![^\W_])")


def echo(text: object = "", *, err: bool = False, bold: bool = False, dim: bool = False) -> None:
    """Print one line; what a terminal would obey in ``text``, such as a title or a file name, is neutralised."""
    click.echo(click.style(printable(text), bold=bold or None, dim=dim or None), err=err)


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = ()) -> None:
    """Print aligned columns; ``right`` are the numbers of the right-aligned ones. Widths in characters."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for number, row in enumerate(cells):
        aligned = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        echo("  ".join(aligned).rstrip(), dim=number == 0)


def markdown(text: object) -> str:
    """A text from elsewhere inside a line of Markdown: on one line, and without HTML, links and marks of its own."""
    shown = html.escape(printable(str(text).replace("\n", " ")), quote=False)
    return _MARKUP.sub(lambda found: "\\" + found[0], shown)


def weights_state(asset: Asset | None) -> str:
    """The state of a weights file, in words."""
    from xrv_core.assets import asset_state

    return "none" if asset is None else asset_state(asset)
