"""What the documents say is true: the catalogue is fresh, links lead somewhere, code blocks run."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "plugins").glob("*/*/README.md"))]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)\)")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_catalogue_is_what_the_specs_say() -> None:
    make = runpy.run_path(str(ROOT / "docs/make_catalogue.py"))
    assert (ROOT / "docs/catalogue.md").read_text() == make["page"](), "run `make docs`"
    assert (ROOT / "README.md").read_text() == make["readme"](), "run `make docs`"


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.parametrize("name", ["paper-tables", "label-differences"])
def test_pages_about_the_real_tables_are_what_the_tables_say(name: str, xrv_tables: Path) -> None:
    make = runpy.run_path(str(ROOT / f"docs/make_{name.replace('-', '_')}.py"))
    assert (ROOT / f"docs/{name}.md").read_text() == make["page"](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_runs_as_printed(tmp_path: Path) -> None:
    """All Python blocks of the README, one after the other, in an empty folder."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) >= 3
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks))
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
