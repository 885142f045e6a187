"""Compare a folder of images with its table: missing, unreadable, duplicate and unexpected images, label totals."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

import xrv_core
from xrv_check.journal import Journal, Seen
from xrv_core.assets import replacing
from xrv_core.cli import open_dataset
from xrv_core.datasets import FileDataset, ImageSource, csv_line, decode_image, image_extension
from xrv_core.errors import ArgumentError, ImageError, TableError, XrvError, reading


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem: its kind, the image or label, and details."""

    problem: str
    what: str
    detail: str


@dataclass(frozen=True)
class Report:
    """The findings, and the number of images.

    Attributes:
        findings: All findings, by kind of problem.
        rows: Number of images in the table.
        read: Number of images that were found and read.
    """

    findings: tuple[Finding, ...]
    rows: int
    read: int

    def counts(self) -> dict[str, int]:
        """Number of findings by problem."""
        return dict(Counter(finding.problem for finding in self.findings))


def check(
    name: str,
    imgpath: str | Path,
    csvpath: str | Path | None = None,
    *,
    out: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int = 2,
    progress: bool | None = None,
) -> Report:
    """Verify the images of a dataset against its table.

    Args:
        name: A dataset of image files.
        imgpath: Folder, .zip or .tar of the images.
        csvpath: The metadata table; None fetches the public one.
        out: CSV file for the findings. While the check runs, ``OUT.partial`` records the images read so far, so
            that an interrupted check can continue.
        options: More arguments of the dataset.
        workers: Threads that decode images.
        progress: Whether to show a progress bar on stderr; None: only on a terminal.

    Raises:
        ArgumentError: The dataset has no image files, or ``OUT.partial`` belongs to another check.
        XrvError: The table or a path of the dataset is not valid.
    """
    dataset, contradictions = _opened(name, imgpath, csvpath, options or {})
    assert dataset.source is not None, "imgpath was given"
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    if out is None:
        report = _look(dataset, dataset.source, None, workers, hidden)
        return replace(report, findings=(*contradictions, *report.findings))
    target = _target(Path(out))
    about = {"dataset": name, "imgpath": str(dataset.source.root.absolute())}
    if options:
        about["options"] = json.dumps(options, sort_keys=True, default=str)
    with Journal(target.with_name(f"{target.name}.partial"), about) as journal:
        report = _look(dataset, dataset.source, journal, workers, hidden)
        report = replace(report, findings=(*contradictions, *report.findings))
        _write(target, report.findings)
        journal.remove()  # a check that is killed before has nothing to read again
    return report


def _look(dataset: FileDataset, source: ImageSource, journal: Journal | None, workers: int, hidden: bool) -> Report:
    """Run all checks."""
    present = [source.resolve(dataset.image_name(row)) for row in range(len(dataset))]
    seen = _read(dataset, source, present, journal, workers)
    bar = tqdm(seen, total=len(present), unit="image", file=sys.stderr, disable=hidden)
    findings = [Finding("missing", image, "the table names it") for image in dataset.skipped]
    findings += [*_repeated(dataset), *_of_images(bar), *_unexpected(source, present), *_label_totals(dataset)]
    return Report(tuple(findings), len(dataset) + len(dataset.skipped), len(present))


def _target(out: Path) -> Path:
    """``out``, in a folder that is there."""
    if out.is_dir():
        raise ArgumentError(f"--out {out} is a folder: give a file, such as {out / 'check.csv'}.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"--out {out} cannot be written ({error.strerror}). Give another --out.") from error
    return out


def _opened(
    name: str, imgpath: str | Path, csvpath: str | Path | None, options: Mapping[str, Any]
) -> tuple[FileDataset, list[Finding]]:
    """The dataset, and the contradiction that does not let it open, unless ``duplicates`` tells it."""
    spec = xrv_core.describe_dataset(name)
    if spec.synthetic:
        raise ArgumentError(f"{name!r} draws its images by code, so there are no files to check.")
    asked = {"imgpath": imgpath, "csvpath": csvpath, "options": options, "views": None, "limit": None}
    found = []
    try:
        dataset = open_dataset(name, asked, on_error="skip")
    except TableError as error:  # perhaps a contradiction, of any of its tables
        dataset = open_dataset(name, asked, on_error="skip", on_duplicates="first")
        found.append(Finding("contradiction", name, str(error)))
    if not isinstance(dataset, FileDataset):
        raise ArgumentError(f"{name!r} is not an xrv_core.datasets.FileDataset, so the file of a row is unknown.")
    return dataset, [] if (dataset.duplicates["differs"] != "").any() else found


def _read(
    dataset: FileDataset, source: ImageSource, paths: Sequence[str], journal: Journal | None, workers: int
) -> Iterator[Seen]:
    """Every image, decoded or taken from the journal; 64 at a time, so that memory stays small."""

    def look(path: str) -> tuple[Seen, bool]:
        size = mtime_ns = 0
        error, digest = "", ""
        try:
            with reading(path, ImageError):
                stat = source.place(path).stat()
                size, mtime_ns = stat.st_size, stat.st_mtime_ns
                known = journal.known(path, size, mtime_ns) if journal else None
                if known is not None:
                    return known, False
                data = source.read(path)
                digest = hashlib.sha256(data).hexdigest()
                decode_image(data, path, recipe=dataset.recipe)
        except XrvError as problem:
            error = str(problem)
        return Seen(path, size, mtime_ns, digest, error), True

    todo = iter(paths)
    with ThreadPoolExecutor(workers) as pool:
        while window := list(islice(todo, 64)):
            for one, fresh in pool.map(look, window):
                if fresh and journal:
                    journal.see(one)
                yield one


def _repeated(dataset: FileDataset) -> Iterator[Finding]:
    """Rows of the table that were left out because an earlier one is of the same image."""
    for image, first, again, differs in dataset.duplicates.itertuples(index=False):
        where = f"lines {first + 2} and {again + 2} of {dataset.csvpath}"
        if differs:
            yield Finding("contradiction", image, f"{where} differ in {differs}")
        else:
            yield Finding("repeated row", image, f"{where} are equal")


def _of_images(seen: Iterable[Seen]) -> list[Finding]:
    unreadable, copies = [], []
    first: dict[bytes, str] = {}
    for one in seen:
        if one.error:
            unreadable.append(Finding("unreadable", one.path, one.error))
        original = first.setdefault(bytes.fromhex(one.sha256), one.path) if one.sha256 else one.path
        if original != one.path:
            copies.append(Finding("duplicate", one.path, f"has the bytes of {original}"))
    return unreadable + copies


def _unexpected(source: ImageSource, expected: Sequence[str]) -> list[Finding]:
    known = set(expected)
    images = (n for n in source.names() if image_extension(n))
    return [Finding("unexpected", n, "the table does not name it") for n in images if n not in known]


def _label_totals(dataset: FileDataset) -> list[Finding]:
    """Only for a complete release: a part of it has other totals."""
    spec = dataset.spec
    if dataset.skipped or len(dataset) != spec.images:
        return []
    totals = dataset.totals()
    pairs = ((label, int(totals[label].get(1.0, 0)), published) for label, published in spec.positives.items())
    return [
        Finding("label total", label, f"{found} positives, {published} are published")
        for label, found, published in pairs
        if found != published
    ]


def _write(out: Path, findings: Sequence[Finding]) -> None:
    with replacing(out) as new, new.open("w", newline="", encoding="utf-8") as file:
        file.write(csv_line(f.name for f in fields(Finding)))
        file.writelines(csv_line(astuple(finding)) for finding in findings)
