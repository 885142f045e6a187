"""Opening the eight datasets on their real tables, beside torchxrayvision: time cold and again, and memory a row.

Each number is a fresh process that imports first and then opens one dataset; "again" is a second process, which
finds what the first left in the cache. Needs torchxrayvision, which carries the tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
OURS = """
import json, sys, time
sys.path.insert(0, {docs!r})
from real_tables import packaged_tables, seed_cache
import pandas, numpy, xrv_core, xrv_core.datasets.files
seed_cache(packaged_tables())
from xrv_core.api import load_factory, describe_dataset
load_factory(describe_dataset({name!r}))
"""
THEIRS = """
import json, time, warnings
warnings.simplefilter("ignore")
from xrv_core.torchvision_guard import import_torchvision
import_torchvision()
import torchxrayvision
"""
MEASURE = """
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, start = resident(), time.perf_counter()
d = {call}
seconds = time.perf_counter() - start
print(json.dumps([seconds, resident() - before, len(d)]))
"""
ALL = "views='*', unique_patients=False"
PEERS = {
    "nih": f"NIH_Dataset('.', {ALL})",
    "nih-google": f"NIH_Google_Dataset('.', {ALL})",
    "rsna": "RSNA_Pneumonia_Dataset('.', views='*')",
    "padchest": f"PC_Dataset('.', {ALL})",
    "chexpert": f"CheX_Dataset('.', {ALL})",
    "openi": f"Openi_Dataset('.', {ALL})",
    "siim": "SIIM_Pneumothorax_Dataset('.')",
    "vinbrain": "VinBrain_Dataset('.', views='*')",
}
RUNS = 3


def measure(code: str, environment: dict[str, str]) -> tuple[float, float, int]:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    seconds, size, rows = json.loads(done.stdout.splitlines()[-1])
    return seconds, size, rows


def best(runs: list[tuple[float, float, int]]) -> tuple[float, float, int]:
    return min(runs)


def main() -> None:
    print(f"{'':<12}{'peer':>9}{'cold':>9}{'again':>9}   {'cold':>7}{'again':>8}   bytes a row: peer, here")
    sums = [0.0, 0.0, 0.0]
    for name, call in PEERS.items():
        theirs = best(
            [measure(THEIRS + MEASURE.format(call=f"torchxrayvision.datasets.{call}"), {}) for _ in range(RUNS)]
        )
        ours = OURS.format(docs=str(DOCS), name=name) + MEASURE.format(call=f"xrv_core.get_dataset({name!r})")
        cold, again = [], []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                environment = {"XRV_CACHE_DIR": folder, "XRV_OFFLINE": "1"}
                cold.append(measure(ours, environment))
                again.append(measure(ours, environment))
        first, second = best(cold), best(again)
        sums = [a + b for a, b in zip(sums, (theirs[0], first[0], second[0]), strict=True)]
        row(name, theirs[0], first[0], second[0], f"{theirs[1] / theirs[2]:,.0f}, {second[1] / second[2]:,.0f}")
    row("sum", *sums, "")


def row(name: str, peer: float, cold: float, again: float, memory: str) -> None:
    times = "".join(f"{value * 1000:>6.0f} ms" for value in (peer, cold, again))
    print(f"{name:<12}{times}   {peer / cold:>6.1f}x{peer / again:>7.1f}x   {memory}")


if __name__ == "__main__":
    main()
