"""Merging NIH, PadChest, CheXpert and VinBrain on their real tables, beside torchxrayvision: time and memory.

Each number comes from a fresh process that opens the four datasets, relabels them and then merges; the median of three
processes is shown. Memory is what the merge adds to the resident set. Needs torchxrayvision, which carries the tables.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
MEASURE = """
import json, sys, time
sys.path.insert(0, {docs!r})
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
{open}
before, start = resident(), time.perf_counter()
merged = {merge}
seconds, size = time.perf_counter() - start, resident() - before
print(json.dumps([seconds, size / 1e6, len(merged), len(merged.csv.columns)]))
"""
OURS = """
from real_tables import packaged_tables, seed_cache
import xrv_core
from xrv_core.datasets import MergeDataset, default_pathologies, relabel_dataset
seed_cache(packaged_tables())
opened = [xrv_core.get_dataset(name) for name in ("nih", "padchest", "chexpert", "vinbrain")]
for d in opened:
    relabel_dataset(default_pathologies, d)
"""
THEIRS = """
import warnings
warnings.simplefilter("ignore")
from xrv_core.torchvision_guard import import_torchvision
import_torchvision()
import torchxrayvision as xrv
every = dict(views="*", unique_patients=False)
opened = [xrv.datasets.NIH_Dataset(".", **every), xrv.datasets.PC_Dataset(".", **every),
          xrv.datasets.CheX_Dataset(".", **every), xrv.datasets.VinBrain_Dataset(".", views="*")]
for d in opened:
    xrv.datasets.relabel_dataset(xrv.datasets.default_pathologies, d, silent=True)
"""
WAYS = {
    "torchxrayvision": (THEIRS, "xrv.datasets.MergeDataset(opened)"),
    "here": (OURS, "MergeDataset(opened)"),
    'here, columns="all"': (OURS, 'MergeDataset(opened, columns="all")'),
}


def measure(opening: str, merge: str) -> list[float]:
    code = MEASURE.format(docs=str(DOCS), open=opening, merge=merge)
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "XRV_OFFLINE": "1"},
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def main() -> None:
    print(f"{'':<22}{'seconds':>9}{'MB':>8}{'items':>10}{'columns':>9}")
    found = {name: measure(*way) for name, way in WAYS.items()}
    for name, (seconds, size, items, columns) in found.items():
        print(f"{name:<22}{seconds:>9.2f}{size:>8.0f}{items:>10,.0f}{columns:>9.0f}")
    ratio = found["torchxrayvision"][0] / found["here"][0]
    print(f"time, torchxrayvision to here: {ratio:.1f}x; aim here: under 2 s and 200 MB")


if __name__ == "__main__":
    main()
