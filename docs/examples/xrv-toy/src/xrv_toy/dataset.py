"""What is particular to this dataset, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, Index, term_labels


class ToyDataset(FileDataset):
    """A folder of images and a table that names them.

    The table has one row an image: ``file``, ``patient``, ``view`` and ``findings`` such as
    ``"Effusion|Mass"``.
    """

    needs = ("file", "patient", "view", "findings")
    text = ("file", "patient")

    def build(self, table: pd.DataFrame) -> Index:
        """Images, labels and what the source knows of the common columns; the rest becomes NA."""
        return Index.of(
            table,
            images=table["file"],
            labels=term_labels(table["findings"], {name: [name] for name in self.spec.pathologies}),
            patientid=table["patient"],
            view=table["view"],
            source_uid="toy:" + table["file"],
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        """What the source says about a label, for ``why(i, label)``."""
        return {"findings": self.csv["findings"].iloc[row]}


def miniature(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Write three images and their table."""
    from PIL import Image

    (folder / "images").mkdir(exist_ok=True)
    for number in range(3):
        ramp = np.linspace(0, 80 * number + 80, 64 * 64, dtype=np.uint8).reshape(64, 64)
        Image.fromarray(ramp).save(folder / "images" / f"{number}.png")
    rows = "file,patient,view,findings\n0.png,a,PA,No Finding\n1.png,a,AP,Mass\n2.png,b,PA,Effusion|Mass\n"
    (folder / "labels.csv").write_text(rows)
    return {"imgpath": folder / "images", "csvpath": folder / "labels.csv"}
