"""``xrv plot``, through the ``xrv`` command itself."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import xrv_core

SMALL = ("phantom", "-o", "n=30", "-o", "size=64", "--views", "PA,AP")
SITES = ("phantom", "-o", "n=60", "-o", "size=64", "-o", "prevalence=0.4", "--target", "Mass")


@pytest.fixture
def plot(tmp_path: Path) -> Callable[..., Result]:
    """Run ``xrv plot`` with ``--out a.png`` in an empty folder, unless there is another."""

    def run(*words: str) -> Result:
        from xrv_core.cli import main

        out = () if "--out" in words else ("--out", str(tmp_path / "a.png"))
        return CliRunner().invoke(main, ["plot", *words, *out])

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("sample", *SMALL, "--item", "3", "-o", "pathology_masks=true"),
        ("masks", *SMALL, "--labels", "Mass, Effusion", "--per-label", "2"),
        ("covariate", *SITES, "--sites", "site=A,B", "--ratio", "0,1"),
        ("difference", *SITES, "--sites", "site=A,B", "--ratios", "0,1", "--nsamples", "4", "--size", "32"),
        ("cooccurrence", *SMALL),
        ("totals", *SMALL, "--labels", "Mass"),
    ],
    ids=lambda words: words[0],
)
def test_a_picture_is_written(plot: Callable[..., Result], words: tuple[str, ...], tmp_path: Path) -> None:
    done = plot(*words)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{tmp_path / 'a.png'}\n"
    assert np.asarray(Image.open(tmp_path / "a.png").convert("L")).std() > 5, "something is drawn"


def test_a_file_that_is_there_is_replaced(plot: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    assert plot("totals", *SMALL).exit_code == 0
    Image.open(tmp_path / "a.png").verify()


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (("totals", "phantom", "--out", "a.jpg"), r"a\.jpg: .*\.png, \.pdf or \.svg"),
        (("totals", *SMALL, "--labels", "Hernia"), "'Hernia'.* Atelectasis, Cardiomegaly, .*Pneumothorax"),
        (("sample", *SMALL, "--limit", "2", "--item", "2"), "idx=2 .* 0 to 1"),
        (("masks", *SMALL, "-o", "pathology_masks=false"), "pathology_masks=True"),
        (("covariate", *SITES, "--sites", "view=PA"), "'--sites': 'view=PA' is not COLUMN=A,B"),
        (("covariate", *SITES, "--sites", "site=A,B", "--ratio", "x"), "'--ratio': 'x' .*numbers from 0 to 1"),
        (("covariate", *SITES, "--sites", "site=A,Z"), r"site = 'Z'.* C \(23\), B \(19\), A \(18\)"),
        (("covariate", *SITES, "--sites", "hall=A,B"), "no column 'hall'.* {columns}"),
    ],
)
def test_errors_are_one_line(plot: Callable[..., Result], words: tuple[str, ...], pattern: str) -> None:
    done = plot(*words)
    assert done.exit_code in (1, 2)
    columns = re.escape(", ".join(xrv_core.get_dataset("phantom", n=1).csv.columns))
    assert re.search(f"^Error: .*{pattern.format(columns=columns)}", done.stderr.splitlines()[-1])


def test_help_and_listing_load_no_matplotlib() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from xrv_core.cli import main; "
        "r = [CliRunner().invoke(main, ['plot', *w, '--help']) for w in ([], ['sample'], ['difference'])]; "
        "assert all(x.exit_code == 0 for x in r), r; print([m for m in ('matplotlib', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
