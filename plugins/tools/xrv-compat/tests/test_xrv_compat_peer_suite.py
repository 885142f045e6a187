"""torchxrayvision's own test suite against the facade and against itself: ``PEER_REPO`` names a checkout of it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
from peer_suite import outcomes, write_weights
from real_tables import seed_cache

CHECKOUT = os.environ.get("PEER_REPO", "")


def excused() -> list[str]:
    """Patterns of the tests that may fail, from the table of the README."""
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    section = text.partition("## torchxrayvision's own tests")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| \S", section, flags=re.MULTILINE)
    assert found, "the README has the table"
    return found


def test_the_excused_tests_are_few() -> None:
    assert all(re.search(r"\w{8}", pattern) for pattern in excused()), "a pattern that excuses everything"
    assert len(excused()) <= 3


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not CHECKOUT, reason="PEER_REPO does not name a checkout of torchxrayvision")
def test_what_passes_there_passes_here(
    xrv_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    shutil.copytree(Path(CHECKOUT) / "tests", tmp_path / "tests")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        write_weights(home / ".torchxrayvision" / "models_data")
    monkeypatch.setenv("XRV_CACHE_DIR", str(cache))
    seed_cache(xrv_tables)
    theirs, ours = (outcomes(name, tmp_path / "tests", home, cache) for name in ("torchxrayvision", "xrv_compat"))
    with capsys.disabled():
        print(file=sys.stderr)
        for name in sorted({**theirs, **ours}):
            print(f"{theirs.get(name, '-'):8} {ours.get(name, '-'):8} {name}", file=sys.stderr)
    assert "passed" in theirs.values(), "the checkout has tests that run"
    lost = [name for name, outcome in theirs.items() if outcome == "passed" and ours.get(name) != "passed"]
    assert [name for name in lost if not any(fnmatch(name, f"*{pattern}*") for pattern in excused())] == []
