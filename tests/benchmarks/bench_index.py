"""Opening the eight datasets on their real tables, beside torchxrayvision: time cold and again, and memory a row.

Each number is the best of five fresh processes, which import first and then open one dataset, whose tables are there
and checked. "built" is without the table cache; "cold" finds nothing in it, and fills it; "again" is a second process,
which finds what the first left. Time is of the processor (all threads), so that other load counts less; the last line
is the sum by the clock. Memory a row is what is resident after opening again, and in brackets all
that csv and labels hold once every cell was looked at. Here that is a file that processes share.
Needs torchxrayvision, which carries the tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
OURS = """
import json, sys, time
sys.path.insert(0, {docs!r})
from real_tables import packaged_tables, seed_cache
import pandas, numpy, isal.igzip, pyarrow.csv, xrv_core, xrv_core.datasets.base.files
seed_cache(packaged_tables())
from xrv_core.api import load_factory, describe_dataset
from xrv_core.assets import fetch
load_factory(describe_dataset({name!r}))
[fetch(asset) for asset in describe_dataset({name!r}).tables]  # downloaded and checked, as by `xrv fetch`
"""
THEIRS = """
import json, time, warnings
warnings.simplefilter("ignore")
from xrv_core.torchvision_guard import import_torchvision
import_torchvision()
import torchxrayvision
"""
MEASURE = """
import pandas
pandas.Series(["a"]).str.len().sum()  # what pandas loads with the first text
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, start, busy = resident(), time.perf_counter(), time.process_time()
d = {call}
busy, seconds = time.process_time() - busy, time.perf_counter() - start
opened = resident() - before
d.csv.isna()  # a look at every cell
held = int(d.csv.memory_usage(deep=True).sum()) + d.labels.nbytes
print(json.dumps([busy, seconds, opened, held, len(d)]))
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
RUNS = 5
NAMES = ("peer", "built", "cold", "again")


class Cost(NamedTuple):
    """Seconds of the processor and by the clock, bytes resident and held, and rows."""

    busy: float
    seconds: float
    size: int
    held: int
    rows: int


def measure(code: str, environment: dict[str, str]) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def costs(name: str, call: str) -> list[list[Cost]]:
    """Of the peer, built, cold and again; runs take turns, so that a busy moment is nobody's own."""
    theirs = THEIRS + MEASURE.format(call=f"torchxrayvision.datasets.{call}")
    ours = OURS.format(docs=str(DOCS), name=name) + MEASURE.format(call=f"xrv_core.get_dataset({name!r})")
    runs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            environment = {"XRV_CACHE_DIR": folder, "XRV_OFFLINE": "1"}
            bare = {**environment, "XRV_TABLE_CACHE": "0"}
            runs.append([measure(theirs, {}), *(measure(ours, env) for env in (bare, environment, environment))])
    return [list(column) for column in zip(*runs, strict=True)]


def main() -> None:
    names = "".join(f"{name:>9}" for name in NAMES)
    print(f"{'':<12}{names}   {'built':>6}{'cold':>7}{'again':>8}   bytes a row: peer, here")
    busy, clock = [0.0] * len(NAMES), [0.0] * len(NAMES)
    for name, call in PEERS.items():
        columns = costs(name, call)
        best = [min(cost.busy for cost in column) for column in columns]
        busy = [a + b for a, b in zip(busy, best, strict=True)]
        clock = [a + min(cost.seconds for cost in column) for a, column in zip(clock, columns, strict=True)]
        memory = [min(cost.size / cost.rows for cost in column) for column in columns]
        held = [column[0].held / column[0].rows for column in columns]
        row(name, best, f"{memory[0]:,.0f} ({held[0]:,.0f}), {memory[-1]:,.0f} ({held[-1]:,.0f})")
    row("sum", busy, "")
    row("by the clock", clock, "")


def row(name: str, times: list[float], memory: str) -> None:
    peer, built, cold, again = times
    shown = "".join(f"{value * 1000:>6.0f} ms" for value in times)
    ratios = f"{peer / built:>5.1f}x{peer / cold:>6.1f}x{peer / again:>7.1f}x"
    print(f"{name:<12}{shown}   {ratios}   {memory}", flush=True)


if __name__ == "__main__":
    main()
