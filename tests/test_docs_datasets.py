"""docs/datasets.md runs as printed, and its pictures are small and of phantoms."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from pages import run_page
from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "datasets.md").read_text()
MAKE = DOCS / "make_figures.py"


def test_the_page_runs_as_printed(tmp_path: Path) -> None:
    printed = run_page(DOCS / "datasets.md", tmp_path)
    (shown,) = re.findall(r"```text\n(.*?)\.\.\.\n```", PAGE, re.DOTALL)
    assert printed.startswith(shown), "what describe prints is what stands on the page"
    pictures = {Path(name).name for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE)}
    assert {path.name for path in tmp_path.glob("*.png")} == pictures


def test_its_links_and_pictures_are_there_and_small() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", PAGE):
        assert (DOCS / target).exists(), target
    figures = sorted(p for p in (DOCS / "figures").iterdir() if not p.name.startswith("features-"))  # another page's
    assert [f"figures/{path.name}" in PAGE for path in figures] == [True] * 7
    for path in figures:
        assert path.stat().st_size < 150_000, path.name
        Image.open(path).verify()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--real", "x"], "--real and --out go together: pictures of phantoms have their place in docs/figures"),
        (["--out", "x"], "--real and --out go together: pictures of phantoms have their place in docs/figures"),
        (
            ["--real", "x", "--out", str(DOCS / "figures")],
            f"{DOCS / 'figures'} is inside the repository, where no picture of a patient may be",
        ),
    ],
)
def test_no_picture_of_a_patient_gets_into_the_repository(
    words: list[str], text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["make_figures.py", *words])
    with pytest.raises(SystemExit):
        runpy.run_path(str(MAKE), run_name="__main__")
    assert capsys.readouterr().err.splitlines()[-1] == f"make_figures.py: error: {text}"


@pytest.mark.slow
@pytest.mark.realdata
def test_the_pictures_of_real_images_can_be_drawn(realdata: Path) -> None:
    make = runpy.run_path(str(MAKE))
    drawn = dict(make["real"](realdata))
    assert {name: len(figure.axes) for name, figure in drawn.items()} == {
        "nih-sample": 1,
        "nih-masks": 12,
        "nih-totals": 1,
        "nih-cooccurrence": 2,
        "hannover-covariate": 12,
        "hannover-difference": 22,
    }
