"""Write docs/paper-tables.md: Tables 1 to 3 of the TorchXRayVision paper, compared with the real tables here.

Needs the real tables that the torchxrayvision package carries (it is in the dev environment): `make docs`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from make_catalogue import table
from real_tables import EIGHT, packaged_tables, seed_cache

import xrv_core

HERE = Path(__file__).parent
PAGE = HERE / "paper-tables.md"
PAPER = tomllib.loads((HERE / "paper_numbers.toml").read_text())
FRONTAL = ["PA", "AP", "AP Supine"]
#: Labels that the paper spells in another way than its library.
SPELLING = {
    "Aortic Enlargement": "Aortic enlargement",
    "Pleural Thickening": "Pleural_Thickening",
    "Interstitial lung disease": "ILD",
}
HEAD = """# The paper's tables, cell by cell

Generated from the real metadata tables by `make docs`; do not edit. "here" is `labels="torchxrayvision"`, the rules of
the paper's library. Table 2 counts frontal images (PA, AP, AP Supine). Metadata of `mimic`, `nlmtb`, `covid19`, `ralo`
and `objectcxr` is not freely available: their cells say so, and sums use the printed totals of MIMIC-CXR from
torchxrayvision's notebooks.
"""


def page() -> str:
    seed_cache(packaged_tables())
    data = {name: opened(name) for name in EIGHT}
    return "\n".join([HEAD, images(data), labels(data), masks(data)])


def opened(name: str) -> Any:
    with_masks = {"pathology_masks": True} if name in PAPER["table3"] else {}
    return xrv_core.get_dataset(name, labels="torchxrayvision", **with_masks)


def verdict(paper: int, here: int, reason: str) -> str:
    if paper == here:
        return "equal"
    return f"{here - paper:+,}: {reason or 'not traced'}"


def frontal(dataset: Any) -> np.ndarray:
    """Rows of frontal images; a collection that states no view is frontal by design."""
    views = dataset.csv["view"]
    return (views.isin(FRONTAL) | (views == "UNKNOWN").all()).to_numpy()


def images(data: dict[str, Any]) -> str:
    rows = []
    for name, (total, front) in PAPER["table1"].items():
        if name not in data:
            rows.append(
                [name, f"{total:,}", f"{front:,}", "", "", "not computed: its metadata is not freely available"]
            )
            continue
        here, here_front = len(data[name]), int(frontal(data[name]).sum())
        reason = PAPER["reasons_table1"].get(name, "")
        both = {verdict(total, here, reason), verdict(front, here_front, reason)}
        rows.append([name, f"{total:,}", f"{front:,}", f"{here:,}", f"{here_front:,}", "; ".join(sorted(both))])
    head = ["dataset", "images, paper", "frontal, paper", "images, here", "frontal, here", ""]
    return f"## Table 1: images\n\n{table(head, rows)}\n"


def labels(data: dict[str, Any]) -> str:
    rows = []
    for label, cell in PAPER["table2"].items():
        parts = {name: part(data, name, label) for name in cell["datasets"]}
        known = {name: number for name, number in parts.items() if number is not None}
        here = sum(known.values())
        shown = " + ".join(f"{number:,} {name}" for name, number in known.items())
        unknown = [name for name, number in parts.items() if number is None]
        shown += f" (without {', '.join(unknown)})" if unknown else ""
        said = verdict(cell["positives"], here, PAPER["reasons_table2"].get(label, ""))
        rows.append([label, f"{cell['positives']:,}", f"{here:,}", shown, said])
    return f"## Table 2: positive frontal images\n\n{table(['label', 'paper', 'here', 'of these', ''], rows)}\n"


def part(data: dict[str, Any], name: str, label: str) -> int | None:
    """Positive frontal images of a dataset; None if its metadata is not available or it has no such label."""
    if name == "mimic":
        return int(PAPER["mimic_frontal"][label])
    if name not in data:
        return None
    dataset, wanted = data[name], SPELLING.get(label, label)
    if wanted not in dataset.pathologies:
        return None
    return int((dataset.labels[frontal(dataset), dataset.pathologies.index(wanted)] == 1).sum())


def masks(data: dict[str, Any]) -> str:
    rows = []
    for name, counts in PAPER["table3"].items():
        if name not in data:
            rows += [[name, label, f"{n:,}", "", "not computed: needs the images"] for label, n in counts.items()]
            continue
        found = masks_by_label(data[name])
        for label, number in counts.items():
            here = found.get(SPELLING.get(label, label), 0)
            said = verdict(number, here, PAPER["reasons_table3"].get(name, ""))
            rows.append([name, label, f"{number:,}", f"{here:,}", said])
    return f"## Table 3: images with a mask\n\n{table(['dataset', 'label', 'paper', 'here', ''], rows)}\n"


def masks_by_label(dataset: Any) -> dict[str, int]:
    """How many images have a mask of each label; drawn small, since only their being there counts."""
    counts: dict[str, int] = {}
    for row in np.flatnonzero(dataset.csv["has_masks"]):
        for label in dataset.pathology_masks_of(int(row), (32, 32)):
            counts[label] = counts.get(label, 0) + 1
    return counts


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE}")
