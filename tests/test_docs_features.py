"""docs/features.md runs as printed, and its picture is small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "features.md").read_text()


def test_the_page_runs_as_printed(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / "page.py").write_text("\n".join(blocks))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(40, 160)\n"), "as the page says"
    assert Image.open(tmp_path / "features.png").width > 600
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["features.json", "features.parquet"]


def test_its_links_and_picture_are_there_and_small() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", PAGE)
    assert "figures/features-phantom.png" in targets
    for target in targets:
        assert (DOCS / target).exists(), target
    picture = DOCS / "figures" / "features-phantom.png"
    assert picture.stat().st_size < 150_000
    Image.open(picture).verify()
