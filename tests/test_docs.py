"""What the documents say is true: the catalogue is fresh, links lead somewhere, blocks run."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import pytest
from pages import BLOCK, run_page

from xrv_core.api import find

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "plugins").glob("*/*/README.md"))]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)\)")
# docs/*.md have tests of their own beside this one.
SLOW = [
    ROOT / "README.md",
    *(ROOT / "plugins/tools" / f"xrv-{name}" / "README.md" for name in ("eval", "features", "plot")),
]
RUN = [
    *(ROOT / "plugins/tools" / f"xrv-{name}" / "README.md" for name in ("check", "labs")),
    ROOT / "plugins/datasets/xrv-phantom/README.md",
    ROOT / "plugins/models/xrv-phantom-net/README.md",
]


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


@pytest.mark.parametrize(
    "page",
    [*RUN, *(pytest.param(page, marks=pytest.mark.slow) for page in SLOW)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_the_page_runs_as_printed(page: Path, tmp_path: Path) -> None:
    assert BLOCK.search(page.read_text())
    printed = run_page(page, tmp_path)
    assert "num_samples=0" not in printed, "an example shows something that is worth seeing"


def test_the_python_blocks_of_the_readme_run_as_printed(tmp_path: Path) -> None:
    """Its shell blocks load torch eleven times: they are among the slow pages."""
    assert "num_samples=0" not in run_page(ROOT / "README.md", tmp_path, shell=False)


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p not in (*RUN, *SLOW, ROOT / "CONTRIBUTING.md")],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_blocks_of_other_pages_name_what_there_is(page: Path) -> None:
    """They need files that the reader has; their syntax, and the names that they open, are right."""
    for language, code in BLOCK.findall(page.read_text()):
        if language != "python":
            continue
        for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
            kind = getattr(call.func, "attr", "").removeprefix("get_")
            if kind in ("dataset", "classifier", "autoencoder", "segmenter") and isinstance(call.args[0], ast.Constant):
                find(call.args[0].value, kind)
