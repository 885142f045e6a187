"""A toy dataset that keeps the contract, for others to break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core import Asset, DatasetSpec
from xrv_core.datasets import FileDataset, Index, boxes_mask, term_labels

#: A table that cannot be fetched.
TABLE = Asset(name="toy/table.csv", urls=("ftp://example.org/table.csv",))

SPEC = DatasetSpec(
    name="toy",
    title="A toy",
    factory="right_toy:Toy",
    miniature="right_toy:write",
    licence="CC0-1.0",
    citation="None needed.",
    homepage="https://example.org/toy",
    obtain="Draw a few images and a table.",
    pathologies=("Effusion", "Mass"),
    views=("AP", "L", "PA"),
    images=6,
    patients=3,
    masks=("boxes",),
)
ROWS = """\
file,patient,day,age,sex,view,findings,box
0.png,a,0,50,,PA,Mass,4 6 9 8
1.png,a,5,50,F,PA,Effusion|Mass,
2.png,b,3,61,M,AP,Effusion,10 3 5 12
3.png,b,1,61,M,L,No Finding,
4.png,c,,,,PA,,
5.png,,2,7,F,PA,No Finding,
"""
SHAPE = (24, 32)


def write(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Six images that differ, and their table."""
    from PIL import Image

    (folder / "images").mkdir()
    for number in range(6):
        ramp = np.linspace(10 + 5 * number, 240 - 10 * number, SHAPE[0] * SHAPE[1]).astype(np.uint8)
        Image.fromarray(ramp.reshape(SHAPE)).save(folder / "images" / f"{number}.png")
    (folder / "labels.csv").write_text(ROWS)
    return {"imgpath": folder / "images", "csvpath": folder / "labels.csv"}


class Toy(FileDataset):
    """Keeps the contract."""

    needs = ("file", "patient", "day", "age", "sex", "view", "findings", "box")
    text = ("file", "patient", "box")
    gives_pathology_masks = True

    def build(self, table: pd.DataFrame) -> Index:
        return Index.of(
            table,
            images=table["file"],
            labels=term_labels(table["findings"], {name: [name] for name in self.spec.pathologies}),
            patientid=table["patient"],
            view=table["view"],
            offset_day_int=table["day"],
            age_years=table["age"],
            sex=table["sex"],
            has_masks=table["box"].notna(),
            source_uid="toy:" + table["file"],
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"findings": self.csv["findings"].iloc[row]}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        box = self.csv["box"].iloc[row]
        return {} if pd.isna(box) else {"Mass": boxes_mask([tuple(map(float, box.split()))], shape)}
