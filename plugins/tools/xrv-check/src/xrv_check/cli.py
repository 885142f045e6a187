"""`xrv check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from xrv_core import CommandSpec
from xrv_core.cli import echo, parse_options


def command(spec: CommandSpec) -> click.Command:
    """The click command; the work is imported when it runs."""

    @click.command(spec.name, help=f"{spec.title} NAME is a dataset of image files. Exit code 1: there are findings.")
    @click.argument("name")
    @click.option("--imgpath", required=True, help="Folder, .zip or .tar of the images.")
    @click.option("--csvpath", help="Metadata table; default: the public one.")
    @click.option(
        "-o",
        "--option",
        "options",
        multiple=True,
        callback=lambda _context, _option, pairs: parse_options(pairs),
        metavar="KEY=VALUE",
        help="Another argument of the dataset, such as -o image=file. May be repeated.",
    )
    @click.option("--out", help="CSV file for the findings; default: NAME-check.csv.")
    @click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads that decode images.")
    def check(name: str, out: str | None, **given: Any) -> None:
        from xrv_check.checking import check as run

        target = Path(out or f"{name}-check.csv")
        try:
            report = run(name, out=target, **given)
        except KeyboardInterrupt:
            echo(f"Interrupted. Give the same command again to go on: {target}.partial has what was read.", err=True)
            sys.exit(130)
        echo(f"{name}: {report.read} of {report.rows} images read, {len(report.findings)} findings.")
        firsts = {finding.problem: finding for finding in reversed(report.findings)}
        for problem, number in report.counts().items():
            first = firsts[problem]
            echo(f"  {number:>6} {problem:<12} first: {first.what} ({first.detail})")
        echo(f"All findings: {target}", err=True)
        sys.exit(bool(report.findings))

    return check
