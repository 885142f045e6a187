"""Checks of files: archives, missing and damaged images, wrong tables."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import numpy as np

from xrv_core.errors import ImageError, ImageMissing, PathMissing, TableError, XrvError
from xrv_core.testing.common.compare import array_difference, column, samples_differences, table_difference
from xrv_core.testing.common.results import Check, NotApplicable, described
from xrv_core.testing.datasets.images import redrawn
from xrv_core.testing.datasets.options import rewritten
from xrv_core.testing.datasets.subject import DatasetSubject

__all__ = ["CHECKS"]

_GREY = (0.25, 0.5)  # part of the possible range that redrawn images use
_ROUNDING = 40.0  # of [-1024, 1024], on average: five steps of 8-bit grey, for JPEG
_UP = "../" * 40


def archives_equal(subject: DatasetSubject) -> Iterator[str]:
    """A zip, a zip with one top folder, and a tar give the same as the folder."""
    expected, images = subject.steady, subject.images
    for kind, top in (("zip", ""), ("zip", "top/"), ("tar", "")):
        where = f"from a {kind} with the folder {top}, " if top else f"from a {kind}, "
        d = subject.open(imgpath=images.packed(kind, top))
        difference = table_difference(d.csv, subject.dataset.csv)
        if difference:
            yield f"{where}csv differs: {difference}"
        yield from samples_differences(subject.read(d), expected, where)


def pixel_scale(subject: DatasetSubject) -> Iterator[str]:
    """Pixels are scaled by the range of the encoding, never by that of the image."""
    before, images, victim = subject.steady, subject.images, subject.victim
    low, high = _GREY
    with images.changed(victim.name, redrawn((images.root / victim.name).read_bytes(), *_GREY)):
        after = subject.read(subject.open(imgpath=images.root))
    for one, other in zip(before, after, strict=True):
        was, became = np.asarray(one["img"]), np.asarray(other["img"])
        if not array_difference(became, was):
            continue
        expected = (was + 1024) * (high - low) + 2048 * low - 1024
        if became.shape != was.shape or np.abs(became - expected).mean() > _ROUNDING:
            yield (
                f"an image redrawn in grey values of {low:.0%} to {high:.0%} of the possible range has pixels from "
                f"{became.min():g} to {became.max():g} instead of {expected.min():g} to {expected.max():g}"
            )


def missing_image(subject: DatasetSubject) -> Iterator[str]:
    """A missing image raises an ImageMissing that names it."""
    victim = subject.victim
    if victim.error is None:
        if victim.rows < len(subject.dataset) and subject.arguments.get("csvpath") is None:
            raise NotApplicable("its rows are the files that exist")
        what = "the row is missing" if victim.rows < len(subject.dataset) else "the item gets another image"
        yield f"without {victim.name!r} no error is raised: {what}"
    else:
        yield from _wrong_error(victim.error, ImageMissing, victim.name, f"without {victim.name!r}")


def skip_missing(subject: DatasetSubject) -> Iterator[str]:
    """``on_error="skip"`` leaves out the row of a missing image and reports it."""
    victim, images = subject.victim, subject.images
    if victim.error is None:
        raise NotApplicable("a missing image is no error here, see missing_image")
    log = BufferingHandler(1000)
    logging.getLogger().addHandler(log)
    try:
        with images.changed(victim.name, None):
            d: Any = subject.open(imgpath=images.root, on_error="skip")
            found = subject.read(d)
    finally:
        logging.getLogger().removeHandler(log)
    full = subject.dataset
    uids = column(d, "source_uid")
    rows = [i for i, uid in enumerate(column(full, "source_uid")) if uid in uids]
    if len(d) >= len(full) or len(rows) != len(d):
        yield f"without {victim.name!r} it has {len(d)} items of {len(full)}"
        return
    difference = table_difference(d.csv, full.csv.iloc[rows]) or array_difference(d.labels, full.labels[rows])
    if difference:
        yield f"without {victim.name!r} the other rows are changed: {difference}"
    yield from samples_differences(found, [subject.samples[i] for i in rows], ignore=["idx"])
    reported = [str(name) for name in getattr(d, "skipped", [])] + [r.getMessage() for r in log.buffer]
    if not any(Path(victim.name).stem in line for line in reported):
        yield f"{victim.name!r} is left out, but neither `skipped` nor the log names it"


def corrupt_image(subject: DatasetSubject) -> Iterator[str]:
    """An image that cannot be decoded raises an ImageError that names it."""
    victim, images = subject.victim, subject.images
    whole = (images.root / victim.name).read_bytes()
    broken = {
        "an empty file": b"",
        "another file": b"This is a text. " * 20,
        "a truncated image": whole[: len(whole) // 2],
    }
    for state, data in broken.items():
        with images.changed(victim.name, data):
            try:
                subject.read(subject.open(imgpath=images.root))
            except Exception as error:
                yield from _wrong_error(error, ImageError, victim.name, f"with {state} as {victim.name!r}")
            else:
                yield f"with {state} as {victim.name!r} no error is raised"


def path_escape(subject: DatasetSubject) -> Iterator[str]:
    """An image outside ``imgpath`` is not read, even if the table names it."""
    images, victim, table = subject.images, subject.victim, _table(subject)
    if table.suffix not in (".csv", ".json"):
        raise NotApplicable("its table is neither CSV nor JSON")
    outside = subject.folder / "secret"
    outside.mkdir(exist_ok=True)
    secret = redrawn((images.root / victim.name).read_bytes(), 1.0, 0.0)
    (outside / Path(victim.name).name).write_bytes(secret)
    with images.changed(victim.name, secret):
        shown = [sample["img"] for sample in subject.read(subject.open(imgpath=images.root))]
    before = [sample["img"] for sample in subject.samples]
    new = [a for a, b in zip(shown, before, strict=True) if array_difference(a, b)]
    if not new:
        raise NotApplicable("a negative of an image has the same pixels, so it cannot be recognised")
    for prefix in (f"{outside}/", f"{_UP}{str(outside).lstrip('/')}/"):
        target = subject.folder / "escape" / table.name
        if not _point(table, target, victim.name, prefix):
            raise NotApplicable("its table does not name image files")
        try:
            found = subject.read(subject.open(csvpath=target))
        except XrvError:
            continue
        except Exception as error:
            yield f"an image named {prefix}... raises {described(error)} instead of ImagePathError"
            continue
        if any(not array_difference(sample["img"], image) for sample in found for image in new):
            yield f"an image named {prefix}... is read from outside imgpath"


def wrong_table(subject: DatasetSubject) -> Iterator[str]:
    """A table that is missing, empty, binary or of other columns raises a typed error that names the file."""
    table = _table(subject)
    target = subject.folder / "wrong" / table.name
    target.parent.mkdir(exist_ok=True)
    broken = {"missing": None, "empty": b"", "binary": bytes(range(256)) * 8}
    if table.suffix == ".csv":
        broken["of other columns"] = b"apples,pears\n1,2\n"
        broken["without rows"] = table.read_bytes().splitlines()[0] + b"\n"
    for state, data in broken.items():
        wanted = PathMissing if data is None else TableError if table.suffix in (".csv", ".json") else XrvError
        target.unlink(missing_ok=True)
        if data is not None:
            target.write_bytes(data)
        try:
            subject.open(csvpath=target)
        except Exception as error:
            yield from _wrong_error(error, wanted, table.name, f"with a table that is {state}")
        else:
            yield f"with a table that is {state} no error is raised"


def without_images(subject: DatasetSubject) -> Iterator[str]:
    """Without ``imgpath`` labels and table are there, and reading an item raises a typed error."""
    subject.images, subject.samples  # noqa: B018
    try:
        d = subject.open(imgpath=None)
    except XrvError:
        if subject.arguments.get("csvpath") is None:
            return
        raise
    same_uid = column(d, "source_uid") == column(subject.dataset, "source_uid")
    if not same_uid or not np.array_equal(d.labels, subject.dataset.labels, equal_nan=True):
        yield "without imgpath rows or labels differ"
    try:
        d[0]
    except Exception as error:
        yield from _wrong_error(error, XrvError, "imgpath", "without imgpath, reading an item")
    else:
        yield "without imgpath an item can be read"


# -- shared


def _wrong_error(error: Exception, wanted: type[Exception], name: str, when: str) -> Iterator[str]:
    if not isinstance(error, wanted):
        yield f"{when} it raises {described(error)} instead of {wanted.__name__}"
    elif Path(name).stem not in str(error):
        yield f"{when} the message does not name {name!r}: {error}"


def _table(subject: DatasetSubject) -> Path:
    subject.dataset  # noqa: B018
    table = subject.arguments.get("csvpath")
    if table is None:
        raise NotApplicable("its miniature has no csvpath")
    if not Path(table).is_file():
        raise NotApplicable("its csvpath is not a file")
    return Path(table)


def _point(table: Path, target: Path, name: str, prefix: str) -> bool:
    """Write a copy of a table in which cells that name an image lead to ``prefix``; return whether there are any."""
    parts = name.split("/")
    ways = ["/".join(parts[i:]) for i in range(len(parts))]
    stems = [way.rpartition(".")[0] for way in ways if "." in way]
    # Names without a suffix only where there are no others: the cell "0" may be a number, and not the image 0.png.
    return any(_rename(table, target, chosen, prefix) for chosen in (ways, stems))


def _rename(table: Path, target: Path, ways: Collection[str], prefix: str) -> bool:
    changes = 0

    def change(cell: Any) -> Any:
        nonlocal changes
        if isinstance(cell, list):
            return [change(c) for c in cell]
        if isinstance(cell, dict):
            return {key: change(c) for key, c in cell.items()}
        if isinstance(cell, str) and any(cell == way or cell.endswith(f"/{way}") for way in ways):
            changes += 1
            return prefix + cell.rpartition("/")[2]
        return cell

    rewritten(table, target, change)
    return changes > 0


CHECKS: tuple[Check, ...] = (
    archives_equal, pixel_scale, missing_image, skip_missing, corrupt_image, path_escape, wrong_table, without_images,
)  # fmt: skip
