"""Output of several commands: tables, and the warning with every prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from xrv_core.specs import Asset
from xrv_core.terms import NOT_MEDICAL

__all__ = ["NOT_MEDICAL", "print_table", "weights_state"]


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = ()) -> None:
    """Print aligned columns; ``right`` are the numbers of the right-aligned ones. Widths in characters."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for number, row in enumerate(cells):
        aligned = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        line = "  ".join(aligned).rstrip()
        click.echo(click.style(line, dim=True) if number == 0 else line)


def weights_state(asset: Asset | None) -> str:
    """The state of a weights file, in words."""
    from xrv_core.assets import asset_state

    return "none" if asset is None else asset_state(asset)
