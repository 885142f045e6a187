"""docs/own-models.md does what it says: its blocks, one after the other, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from xrv_labs.entries import parse

PAGE = Path(__file__).parent.parent / "docs/own-models.md"
BLOCK = re.compile(r"```(python|sh|toml)\n(.*?)```", re.DOTALL)


def test_the_page_runs_as_printed(tmp_path: Path) -> None:
    """Python blocks that follow each other are one program; a program after a shell block is another machine's."""
    lines, before = ["set -eo pipefail"], ""
    for language, code in BLOCK.findall(PAGE.read_text()):
        if language == "python":
            lines += [code] if before == "python" else ["python - <<'PROGRAM'", code]
        elif before == "python":
            lines.append("PROGRAM")
        lines += [code] if language == "sh" else []
        before = language
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XRV_CACHE_DIR": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    command = ["bash", "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    for words in (
        "lab/mine is in share/registry.toml",
        "lab/phantom-net",
        "<BackboneClassifier lab/mine: ",
        "registry.toml",
    ):
        assert words in done.stdout, done.stdout
    assert "lab@example.org" in done.stdout.splitlines()[-1]


def test_the_entry_by_hand_is_sound() -> None:
    (text,) = [code for language, code in BLOCK.findall(PAGE.read_text()) if language == "toml"]
    registry = parse(text, "/registry.toml")
    assert registry.problems == []
    assert [spec.name for spec in registry.specs] == ["lab/effusion"]
