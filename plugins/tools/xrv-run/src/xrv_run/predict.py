"""``xrv predict``: image files in, findings or other targets out, on the terminal, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xrv_core import api
from xrv_core.cli import NOT_MEDICAL, print_table
from xrv_core.errors import ArgumentError, PathMissing, XrvError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xrv_core.specs import ClassifierSpec

__all__ = [
    "image_files",
    "named_images",
    "open_model",
    "predict_command",
    "print_values",
    "progress",
    "report_failures",
    "short_path",
]

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"])


def image_files(paths: Sequence[str]) -> list[Path]:
    """The image files that ``paths`` name; a folder stands for all images below it, sorted.

    Raises:
        PathMissing: A path that does not exist.
        ArgumentError: A folder without any image.
    """
    return [file for file, _ in named_images(paths)]


def named_images(paths: Sequence[str], *, except_below: Path | None = None) -> list[tuple[Path, Path]]:
    """What ``image_files`` gives, each file with its path inside the folder that was named (a file: its name).

    Args:
        paths: Files and folders.
        except_below: A folder whose images are passed over inside the others, such as the one written to.
    """
    found: list[tuple[Path, Path]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise PathMissing(f"{path}: no such file or folder.")
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        below = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        images = sorted(f for f in below if f.suffix.lower() in SUFFIXES)
        if except_below is not None:
            images = [f for f in images if not f.resolve().is_relative_to(except_below.resolve())]
        if not images:
            raise ArgumentError(f"{path}: no image in this folder (looked for {', '.join(sorted(SUFFIXES))}).")
        found += [(file, file.relative_to(path)) for file in images]
    return found


def predict_command(name: str, paths: Sequence[str], *, weights: str, form: str, batch_size: int) -> int:
    """Predict and print; a file that cannot be read is reported at the end, and the exit code is then 1."""
    files = image_files(paths)
    spec = api.describe_classifier(name)
    model, note = open_model("classifier", name, weights)
    failures: list[XrvError] = []
    rows = list(_predictions(model, files, batch_size, failures))
    about = {"model": spec.name, "task": spec.task, "unit": spec.unit, "note": note}
    print_values(form, about, rows, heads=_heads(spec), unit=spec.unit)
    return report_failures(failures, len(files))


def open_model(kind: str, name: str, weights: str) -> tuple[Any, str]:
    """A model that can predict, and the note that goes with all its predictions; the note is printed to stderr.

    Raises:
        ArgumentError: There are no weights.
    """
    spec: Any = api.describe(kind, name)
    if spec.weights is None and weights == "default" and not spec.weights_file:
        raise ArgumentError(f"{name!r} has no published weights, so it cannot predict: give a file with --weights.")
    model: Any = getattr(api, f"get_{kind}")(name, weights=weights)
    note = f"{NOT_MEDICAL} {spec.warning}".strip()
    click.echo(f"{spec.name}: {note}", err=True)
    return model, note


def report_failures(failures: Sequence[XrvError], files: int) -> int:
    """Print what went wrong with some of the files; the exit code: 1 if anything did."""
    for failure in failures:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        click.echo(f"{len(failures)} of {files} files could not be read.", err=True)
    return int(bool(failures))


def progress(files: Sequence[Any]) -> Any:
    """A bar on stderr that counts images, where stderr is a terminal."""
    from tqdm import tqdm

    return tqdm(total=len(files), unit="image", file=sys.stderr, disable=not sys.stderr.isatty())


def _predictions(
    model: Any, files: Sequence[Path], batch_size: int, failures: list[XrvError]
) -> Iterator[tuple[Path, dict[str, float]]]:
    """Each readable file with its predictions, in order."""
    import numpy as np

    with progress(files) as bar:
        for start in range(0, len(files), batch_size):
            batch: list[tuple[Path, NDArray[np.float32]]] = []
            for file in files[start : start + batch_size]:
                try:
                    batch.append((file, _pixels(file, model.input_resolution)))
                except XrvError as error:
                    failures.append(error)
                bar.update()
            if not batch:
                continue
            # Models without a resolution take images as they are, one at a time.
            groups = [batch] if model.input_resolution else [[one] for one in batch]
            for group in groups:
                found = model.predict(np.stack([pixels for _, pixels in group]))
                yield from zip([file for file, _ in group], found, strict=True)


def _pixels(file: Path, resolution: int | None) -> NDArray[np.float32]:
    """Decode, crop the centre square, and resize as the published models were trained: ``[1, S, S]``."""
    from xrv_core.datasets import XRayCenterCrop, XRayResizer, load_image

    pixels = XRayCenterCrop()(load_image(file))
    resized: NDArray[np.float32] = XRayResizer(resolution)(pixels) if resolution else pixels
    return resized


def _heads(spec: ClassifierSpec) -> tuple[str, str]:
    """Heads of the table of one image: what the rows are, and what their values are."""
    value = (spec.unit or "value") if spec.activation == "identity" else "probability"
    return ("finding" if spec.task == "findings" else spec.task).upper(), value.upper()


def print_values(
    form: str,
    about: Mapping[str, str],
    rows: list[tuple[Path, dict[str, float]]],
    *,
    heads: tuple[str, str],
    unit: str = "",
    key: str = "predictions",
) -> None:
    """Print numbers by name for each file.

    Args:
        form: "json", "csv" or "table".
        about: "model", "note", and what else JSON says once for all files.
        rows: Files and their numbers.
        heads: Titles of names and numbers in the table of a single file.
        unit: Of the numbers, for the table of several files.
        key: What the numbers are called in JSON.
    """
    names = list(rows[0][1]) if rows else []
    if form == "json":
        found = [{"file": str(file), key: values} for file, values in rows]
        click.echo(json.dumps({**about, "files": found}, indent=2))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["file", *names, "model", "note"])
        last = [about["model"], about["note"]]
        writer.writerows([file, *(f"{values[n]:.6f}" for n in names), *last] for file, values in rows)
    elif len(rows) == 1:
        ranked = sorted(rows[0][1].items(), key=lambda item: -item[1])
        print_table(heads, [(n, f"{p:.3f}") for n, p in ranked], right=(1,))
    elif rows:
        cells = [(short_path(file), *(f"{values[n]:.3f}" for n in names)) for file, values in rows]
        print_table(("FILE", *(f"{n} ({unit})" if unit else n for n in names)), cells, right=range(1, len(names) + 1))


def short_path(file: Path, width: int = 40) -> str:
    """The end of a long path: that is the part that tells files apart."""
    text = str(file)
    return text if len(text) <= width else "…" + text[1 - width :]
