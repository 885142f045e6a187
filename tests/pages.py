"""Run every block of a page as printed, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_page(page: Path, folder: Path, *, shell: bool = True) -> str:
    """What the ``python`` and ``sh`` blocks of ``page`` print, run in ``folder``.

    Python blocks that follow each other are one program; a program after a shell block is a new one. Blocks of other
    languages (``text``, ``toml``) are not run; without ``shell`` those of the shell are not, either.
    """
    lines, before = ["set -eo pipefail"], ""
    for language, code in BLOCK.findall(page.read_text()):
        if language == "sh" and not shell:
            continue
        if language == "python":
            lines += [code] if before == "python" else ["python - <<'PROGRAM'", code]
        else:
            lines += ["PROGRAM", code] if before == "python" else [code]
        before = language
    lines += ["PROGRAM"] if before == "python" else []
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XRV_CACHE_DIR": str(folder / ".cache"),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XRV_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = ["bash", "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{page.relative_to(ROOT)}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
