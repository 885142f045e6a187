"""What is wrong with names, files and columns is told without torch, and before the network is asked for anything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from messages import says

import xrv_core

#: Command lines, and words of what they say; ``{...}`` are places that the test makes.
WRONG = {
    "evaluate nosuchmodel nih": ("nosuchmodel",),
    "evaluate phantom-net nosuchdata": ("nosuchdata",),
    "evaluate phantom-net nih --imgpath /nosuch": ("/nosuch", "imgpath"),
    "evaluate phantom-net nih --csvpath /nosuch": ("/nosuch", "Data_Entry_2017_v2020.csv.gz"),
    "evaluate phantom-net phantom -o splt=test": ("'splt'", "'split'"),
    "evaluate phantom-net phantom -o n=4 --out {file}": ("is a file",),
    "evaluate phantom-net table --csvpath {table} -o image=fle -o labels=Mass,Effusion": ("'fle'", "'file'"),
    "evaluate phantom-net table --csvpath {table} -o image=file -o labels=Mas": ("'Mas'", "'Mass'"),
    "predict phantom-net /nosuch.png": ("/nosuch.png",),
    "predict phantom-net {table} --weights /nosuch.pt": ("/nosuch.pt",),
    "predict phantom-net {table} --out /nosuch/a.csv": ("/nosuch", "no such folder"),
    "segment chestx-det /nosuch.png --out {folder}/masks": ("/nosuch.png",),
    "segment chestx-det {table} --out {folder}/masks --structures hart": ("'hart'", "'Heart'"),
    "check nih --imgpath /nosuch": ("/nosuch", "imgpath"),
    "features phantom-nt phantom --out {folder}/x": ("'phantom-nt'", "'phantom-net'"),
    "features phantom-net nih --out {folder}/x --imgpath /nosuch": ("/nosuch", "imgpath"),
    "features phantom-net phantom --out {file} -o n=4": ("is a file",),
    "features phantom-net phantom --out {folder}/x --color nosuch -o n=4": ("nosuch", "Effusion"),
    "features phantom-net phantom --out {folder}/x --weights /nosuch.pt": ("/nosuch.pt",),
    "plot totals nih --imgpath /nosuch --out {folder}/a.png": ("/nosuch", "imgpath"),
    "plot sample phantom -o n=4 --out /nosuch/a.png": ("/nosuch", "no such folder"),
}
RUN = """\
import json, sys
sys.modules["torch"] = None  # an import of it fails
from click.testing import CliRunner
from xrv_core.cli import main
done = [CliRunner().invoke(main, line.split()) for line in json.load(sys.stdin)]
json.dump([(result.exit_code, result.stderr, str(result.exception)) for result in done], sys.stdout)
"""


def test_wrong_words_are_told_without_torch(tmp_path: Path) -> None:
    table = Path(xrv_core.miniature("table", tmp_path / "table")["csvpath"])
    table.with_name("table.toml").unlink()
    places = {"table": table, "folder": tmp_path, "file": tmp_path / "file"}
    places["file"].touch()
    lines = [line.format(**places) for line in WRONG]
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(lines), capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "XRV_OFFLINE": "1"},
    )  # fmt: skip
    for line, words, (code, told, cause) in zip(lines, WRONG.values(), json.loads(done.stdout), strict=True):
        assert code == 1, (line, told, cause)
        assert re.search(says(*words), told), (line, told)
        assert told.startswith("Error: "), (line, told)
