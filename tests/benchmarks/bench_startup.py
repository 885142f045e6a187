"""Start-up: listing all datasets beside importing numpy, torch and torchxrayvision, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 11
CODE = {
    "bare interpreter": "pass",
    "import numpy": "import numpy",
    "xrv_core.list_datasets()": "import xrv_core; xrv_core.list_datasets()",
    "xrv list (command line)": "from xrv_core.cli import main; main(['list'], standalone_mode=False)",
    "import torch": "import torch",
    "import torchxrayvision": (
        "from xrv_core.torchvision_guard import import_torchvision as g; g(); import torchxrayvision"
    ),
}


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    runs = {name: RUNS if "torch" not in name else 3 for name in CODE}
    for code in CODE.values():
        seconds(code)  # warm the disk
    times = {name: [] for name in CODE}
    for turn in range(RUNS):  # in turns, so that a noisy minute hits all alike
        for name, code in CODE.items():
            if turn < runs[name]:
                times[name].append(seconds(code))
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:<28}{value * 1000:8.0f} ms   {value / median['import numpy']:6.2f} x numpy")


if __name__ == "__main__":
    main()
