"""A clean environment outside the repository, and wheels of what is in it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent.parent


class Clean:
    """A folder with an environment in it that has nothing but pip.

    Attributes:
        folder: Everything happens here.
        python: The interpreter of the environment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=True)
        self.python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"

    def install(self, *arguments: object, constraints: Path | None = ROOT / "constraints.txt") -> None:
        limits = [] if constraints is None else ["-c", constraints]
        quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        self.run("-m", "pip", "install", *quiet, *limits, *arguments)

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run its interpreter; the output, or the end of this script if the exit code is another."""
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "XRV_REGISTRIES", "XRV_PLUGINS")}
        environment |= {"XRV_CACHE_DIR": str(self.folder / "cache"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=self.folder, env=environment,
        )  # fmt: skip
        if done.returncode != code:
            command = " ".join(map(str, arguments))
            sys.exit(f"{command}: exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def xrv(self, *arguments: object, code: int = 0) -> str:
        """Run its ``xrv`` command."""
        return self.run("-c", "from xrv_core.cli import main; main(prog_name='xrv')", *arguments, code=code)

    def size(self) -> int:
        """Bytes of everything that is installed, compiled files included."""
        return sum(file.stat().st_size for file in (self.folder / "env" / "lib").rglob("*") if file.is_file())


@contextmanager
def clean() -> Iterator[Clean]:
    with TemporaryDirectory(prefix="xrv-clean-") as folder:
        yield Clean(Path(folder).resolve())


def wheels(into: Path, *projects: Path) -> dict[str, Path]:
    """Build wheels with the environment that runs this script, which has hatchling: distribution -> file."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "-w", str(into), *map(str, projects)], check=True, cwd=into)
    return {file.name.split("-")[0].replace("_", "-"): file for file in into.glob("*.whl")}
