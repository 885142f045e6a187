"""docs/own-models.md does what it says: its blocks, one after the other, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

from pages import run_page

from xrv_labs.entries import parse

PAGE = Path(__file__).parent.parent / "docs/own-models.md"


def test_the_page_runs_as_printed(tmp_path: Path) -> None:
    printed = run_page(PAGE, tmp_path)
    for words in (
        "lab/mine is in share/registry.toml",
        "lab/phantom-net",
        "<BackboneClassifier lab/mine: ",
        "registry.toml",
    ):
        assert words in printed, printed
    assert "lab@example.org" in printed.splitlines()[-1]


def test_the_entry_by_hand_is_sound() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    registry = parse(text.encode(), "/registry.toml")
    assert registry.problems == []
    assert [spec.name for spec in registry.specs] == ["lab/effusion"]
