"""A plugin package and a table on disk, for the tests of the table cache."""

from __future__ import annotations

import importlib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrv_core
from xrv_core.assets import cache_dir
from xrv_core.datasets.tables import cache

CODE = """
import numpy as np
import pandas as pd
from pathlib import Path
from xrv_core.datasets import FileDataset, Index, read_table

built = []


class Toy(FileDataset):
    caches_index = True
    needs = ("image", "finding")
    text = ("image",)

    def __init__(self, spec, imgpath=None, csvpath=None, *, more=None, option=None, **options):
        self.more = None if more is None else Path(more)
        self.option = option
        super().__init__(spec, imgpath, csvpath, **options)

    def build(self, table):
        built.append(len(table))
        label = table["finding"].map({"yes": 1.0, "no": 0.0}).to_numpy(dtype=np.float32)
        return Index.of(
            table,
            images=table["image"] + ".png",
            labels=np.stack([label, 1 - label], axis=1),
            order=table["rank"],
            extras={"first": {"images": table["image"].tolist()[:2], "option": None}},
            source_uid="toy:" + table["image"], patientid=table["patient"], offset_day_int=table["day"],
            age_years=table["age"], sex=table["sex"], has_masks=table["flag"],
        )


class Heir(Toy):
    pass


class Objects(Toy):
    caches_index = True

    def build(self, table):
        return super().build(table.assign(odd=pd.Series([1, "a"] * (len(table) // 2), dtype=object)))


class Holder(Toy):
    caches_index = True

    def build(self, table):
        return super().build(table)._replace(extras={"held": {1: "JSON has no numbers as keys"}})


class Curious(Toy):
    caches_index = True

    def locate(self, index):
        images = index.images if self.source is None else "in/" + index.images
        return super().locate(index._replace(images=images))


class Restless(Toy):
    caches_index = True

    def build(self, table):
        with self.csvpath.open("a") as file:
            file.write("x,yes,p,0,1,0,M,True,0\\n")
        return super().build(table)
"""
ROWS = 6


def spec(name: str) -> xrv_core.DatasetSpec:
    return xrv_core.DatasetSpec(
        name="toy",
        title="A toy",
        factory=f"{name}.dataset:Toy",
        licence="CC0",
        citation="none",
        homepage="https://example.org",
        obtain="Nothing to obtain.",
        pathologies=("Mass", "Nodule"),
    )


class Bench:
    """A plugin package and a table, both on disk."""

    def __init__(self, folder: Path) -> None:
        self.name = "toy_" + folder.name.replace("-", "_")
        self.package = folder / "site" / self.name
        self.package.mkdir(parents=True)
        (self.package / "__init__.py").write_text("")
        (self.package / "dataset.py").write_text(CODE)
        (self.package / "terms.csv").write_text("term\nmass\n")
        self.csv, self.more = folder / "toy.csv", folder / "more.csv"
        self.more.write_text("a\n1\n")
        self.source_rows().to_csv(self.csv, index=False)

    @staticmethod
    def source_rows() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "image": [f"00{i}" for i in range(ROWS)],
                "finding": ["yes", "no", "", "yes", "no", "yes"],
                "patient": ["p", "p", "q", "", "r", "r"],
                "day": [5, 3, None, None, 2, 2],
                "rank": [0.5, 1.5, 2.0, None, 3.0, 1.0],
                "age": [50.25, None, 7, 8, 9, 10],
                "sex": ["M", "F", "", "M", "O", "F"],
                "flag": [True, False] * 3,
                "whole": [2**60 + 1, -1, 0, 1, 2, 3],
            }
        )

    @property
    def module(self) -> types.ModuleType:
        return importlib.import_module(f"{self.name}.dataset")

    def open(self, kind: str = "Toy", **options: Any) -> tuple[Any, bool]:
        """The dataset, and whether it was built."""
        before = len(self.module.built)
        opened = getattr(self.module, kind)(spec(self.name), **{"csvpath": self.csv, "more": self.more, **options})
        return opened, len(self.module.built) > before


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.syspath_prepend(str(made.package.parent))
    monkeypatch.setattr(cache, "_SMALL", 0)
    monkeypatch.setattr(cache, "_IMPORTED", 1e12)  # the code of these tests is younger than the process
    return made


def kept() -> list[Path]:
    return sorted((cache_dir() / "tables").glob("*"))


def assert_same(a: Any, b: Any) -> None:
    pd.testing.assert_frame_equal(a.csv, b.csv, check_exact=True, check_index_type="exact", check_column_type="exact")
    assert a.csv.dtypes.tolist() == b.csv.dtypes.tolist()
    assert a.labels.dtype == b.labels.dtype == np.float32
    assert a.labels.tobytes() == b.labels.tobytes()
    assert a.pathologies == b.pathologies
    assert [a.image_name(i) for i in range(min(len(a), 50))] == [b.image_name(i) for i in range(min(len(b), 50))]
    assert a.csvpath == b.csvpath
    assert vars(a).keys() == vars(b).keys()
    assert a.extras.keys() == b.extras.keys()
