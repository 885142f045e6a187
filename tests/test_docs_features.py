"""docs/features.md runs as printed, and its picture is small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import run_page
from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "features.md").read_text()


@pytest.mark.slow
def test_the_page_runs_as_printed(tmp_path: Path) -> None:
    printed = run_page(DOCS / "features.md", tmp_path)
    assert printed.startswith("(40, 160)\n"), "as the page says"
    assert Image.open(tmp_path / "features.png").width > 600
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["features.json", "features.parquet"]
    for folder in ("features-600", "features-two"):
        assert (tmp_path / folder / "projection.html").exists()


def test_its_links_and_picture_are_there_and_small() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", PAGE)
    assert "figures/features-phantom.png" in targets
    for target in targets:
        assert (DOCS / target).exists(), target
    picture = DOCS / "figures" / "features-phantom.png"
    assert picture.stat().st_size < 150_000
    Image.open(picture).verify()
