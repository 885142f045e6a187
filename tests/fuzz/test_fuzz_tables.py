"""Damaged tables of every dataset: it opens and is usable, or the error is ours and names the table."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mutations import CELLS, cases, damaged, damaged_text, untyped

import xrv_core

OPENI = ("imageid", "View Position", "Study Date", "Patient's Birth Date", "tsne-view", "Patient's Age", "Rows")


class Target:
    """A table of a dataset's miniature: what opens the dataset, which argument is the table, and its text."""

    def __init__(self, name: str, argument: str, given: dict[str, Any], folder: Path) -> None:
        self.name, self.argument, self.given, self.folder = name, argument, dict(given), folder
        data = given[argument].read_bytes()
        self.text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
        if name == "openi":  # reports as XML are another reader's, and take longer; so do its hundred columns
            self.given["csvpath"] = xrv_core.get_dataset(name, **given).csv
            frame = pd.read_csv(given[argument], dtype=str)
            self.text = frame[[*{*OPENI} & {*frame}]].to_csv(index=False)
        if name == "table":
            self.given |= {"columns": folder / "table.toml", "collection": "c"}

    def use(self, data: bytes, seed: int) -> str:
        """Open and use the dataset with another table, and remove it; what is wrong with the error, if there is one."""
        path = self.folder / f"{self.argument}-{seed}.csv"
        path.write_bytes(data)
        try:
            return untyped(lambda: use(self.name, {**self.given, self.argument: path}, seed), path.name)
        finally:
            path.unlink()


def use(name: str, given: dict[str, Any], seed: int) -> None:
    """Open a dataset and do with it what people do."""
    rng = random.Random(seed)
    options = {"on_error": rng.choice(("raise", "skip", "defer")), "on_duplicates": rng.choice(("error", "first"))}
    if name != "table":
        options["labels"] = rng.choice(("strict", "strict", "torchxrayvision"))
    if rng.random() < 0.7:  # which takes less time
        given = {**given, "imgpath": None}
    d = xrv_core.get_dataset(name, **given, **options)
    known = d.csv["patientid"].notna().any()
    if known and rng.random() < 0.3:
        d = xrv_core.get_dataset(name, **given, **options, unique_patients=True)
    str(d), d.totals(), d.views, d.csv.to_csv()
    for row in {0, len(d) - 1}:
        for label in d.pathologies:
            d.why(row, label)
    age = d.csv["age_years"].dropna()
    assert age.between(0, 150).all(), age.tolist()
    if known:
        xrv_core.datasets.split(d, {"a": 0.5, "b": 0.5})


def damaged_columns(text: str, seed: int) -> str:
    """A table with one or two columns of another kind: text for numbers, numbers for text, blanks, another column."""
    rng = random.Random(seed)
    rows = list(csv.reader(io.StringIO(text)))
    head = max(range(min(2, len(rows))), key=lambda i: sum(bool(cell) for cell in rows[i]))
    for _ in range(rng.choice((1, 1, 2))):
        at, cell, other = rng.randrange(len(rows[head])), rng.choice(CELLS), rng.randrange(len(rows[head]))
        kind = rng.randrange(5)
        for number, row in enumerate(rows[head + 1 :]):
            if kind == 4 and number % 2:
                continue  # every other row
            values = (cell, str(number), str(number + 0.5), row[other] if other < len(row) else "", cell)
            row[at : at + 1] = [values[kind]]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def mutated(text: str, seed: int) -> bytes:
    """The table with damage of one of three sorts: to cells and rows, to columns, to bytes."""
    sort = random.Random(~seed).randrange(4)
    if not sort:
        return damaged(text.encode(), seed)
    return (damaged_columns if sort == 1 else damaged_text)(text, seed).encode()


def targets(folder: Path) -> list[Target]:
    found = []
    for name in xrv_core.list_datasets():
        given = xrv_core.miniature(name, folder / name)
        tables = [k for k, v in given.items() if isinstance(v, Path) and v.name.endswith((".csv", ".csv.gz"))]
        found += [Target(name, argument, given, folder / name) for argument in tables]
    return found


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return targets(tmp_path_factory.mktemp("tables"))


def test_damaged_tables_of_every_dataset(every: list[Target]) -> None:
    failures = []
    for seed in cases(0.1):  # an opening takes 50 ms
        target = every[seed % len(every)]
        if why := target.use(mutated(target.text, seed), seed):
            failures.append(f"{seed}, {target.name} {target.argument}: {why}")
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures[:5])


def packed_tables() -> list[bytes]:
    """One table in each form that a table may have."""
    frame = pd.DataFrame({"image": [f"{i:08}.png" for i in range(60)], "n": range(60), "x": [i / 7 for i in range(60)]})
    text = frame.to_csv(index=False).encode()
    zipped, tarred, parquet, sheet = (io.BytesIO() for _ in range(4))
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        info = tarfile.TarInfo("t.csv")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    found = [gzip.compress(text), bz2.compress(text), lzma.compress(text), zipped.getvalue(), tarred.getvalue()]
    with suppress(ImportError):
        import zstandard

        found.append(zstandard.compress(text))
    with suppress(ImportError):
        frame.to_parquet(parquet)
        found.append(parquet.getvalue())
    with suppress(ImportError):
        frame.to_excel(sheet, index=False)
        found.append(sheet.getvalue())
    return found


def test_damaged_packed_tables(tmp_path: Path) -> None:
    forms, failures, path = packed_tables(), [], tmp_path / "packed"
    kinds = {"text": ("image",), "numbers": ("n", "x")}
    for seed in cases(0.05):
        form = seed % len(forms)
        path.write_bytes(damaged(forms[form], seed // len(forms)))
        if why := untyped(lambda: xrv_core.datasets.read_table(path, owner="toy", **kinds), path):
            failures.append(f"{seed}, form {form}: {why}")
    assert not failures, f"{len(failures)}:\n" + "\n".join(failures[:5])
