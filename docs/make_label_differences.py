"""Write docs/label-differences.md: how many positives our labels have, and torchxrayvision's, and why they differ.

Needs the real tables that the torchxrayvision package carries (it is in the dev environment): `make docs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from make_catalogue import table
from real_tables import EIGHT, packaged_tables, seed_cache

import xrv_core

PAGE = Path(__file__).parent / "label-differences.md"
HEAD = """# Where our labels differ from torchxrayvision's

Generated from the real metadata tables by `make docs`; do not edit. All views, all patients. "torchxrayvision" is
`labels="torchxrayvision"`, which equals torchxrayvision 1.5.7 element by element; "strict" is the default. The last
columns name what the sources say about images that only one of the two calls positive, most frequent first.
`dataset.why(i, label)` gives the same for a single image.
"""
SHOWN = 4


def page() -> str:
    seed_cache(packaged_tables())
    return HEAD + "\n" + "\n".join(section(name) for name in EIGHT)


def section(name: str) -> str:
    peer = xrv_core.get_dataset(name, labels="torchxrayvision")
    strict = xrv_core.get_dataset(name, labels="strict")
    row_of = {strict.image_name(row): row for row in range(len(strict))}
    rows = np.array([row_of[peer.image_name(row)] for row in range(len(peer))])
    body = [line(peer, strict, rows, label) for label in peer.pathologies]
    counts = f"{len(peer):,} images" if len(peer) == len(strict) else f"{len(peer):,} and {len(strict):,} images"
    same = all(cells[1] == cells[2] and cells[3:] == ["", "", ""] for cells in body)
    head = ["label", "torchxrayvision", "strict", "unknown in strict only", "only torchxrayvision", "only strict"]
    text = "The labels are equal.\n\n" if same else ""
    return f"## {name}\n\n{counts}. {text}\n\n{table(head, body)}\n"


def line(peer: Any, strict: Any, rows: np.ndarray, label: str) -> list[str]:
    theirs = peer.labels[:, peer.pathologies.index(label)]
    ours = strict.labels[rows, strict.pathologies.index(label)]
    lost, won = np.flatnonzero((theirs == 1) & (ours != 1)), np.flatnonzero((ours == 1) & (theirs != 1))
    unknown = int((np.isnan(ours) & ~np.isnan(theirs)).sum())
    return [
        label,
        f"{int((theirs == 1).sum()):,}",
        f"{int((strict.labels[:, strict.pathologies.index(label)] == 1).sum()):,}",
        f"{unknown:,}" if unknown else "",
        reasons(peer.why(int(row), label) for row in lost),
        reasons(strict.why(int(rows[row]), label) for row in won),
    ]


def reasons(evidence: Iterable[dict[str, Any]]) -> str:
    """The most frequent terms behind some labels, with how many images have them."""
    counts = Counter(term for found in evidence for term in set(terms(found)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{term} ({number:,})" for term, number in ranked[:SHOWN]]
    return "; ".join(shown) + ("; ..." if len(counts) > SHOWN else "")


def terms(found: dict[str, Any]) -> Iterable[str]:
    """The terms in what ``why`` returned; of coded terms such as ``Opacity/lung/left`` the heading."""
    for cell in [found["terms"]] if "terms" in found else found.values():
        for text in cell if isinstance(cell, list | tuple) else str(cell).split("|"):
            yield text.split("/")[0]


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE}")
