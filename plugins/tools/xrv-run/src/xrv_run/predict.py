"""``xrv predict``: image files in, findings or other targets out, on the terminal, as CSV or as JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xrv_core import api
from xrv_core.cli import NOT_MEDICAL, print_table
from xrv_core.errors import ArgumentError, XrvError
from xrv_run.files import check_weights, named_images, short_path
from xrv_run.results import ResultFile, check_result_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xrv_core.specs import ClassifierSpec

__all__ = ["open_model", "predict_command", "print_values", "progress", "report_failures"]


def predict_command(
    name: str, paths: Sequence[str], *, weights: str, form: str, out: str | None, device: str | None, **loading: Any
) -> int:
    """Predict, and print or write; a file that cannot be read is reported at the end, and the exit code is then 1.

    Args:
        name: Of the classifier.
        paths: Image files, or folders of them.
        weights: "default" or a weights file.
        form: "table", "csv" or "json" on stdout.
        out: A .csv or .jsonl file to write to instead; images that it holds already are left out.
        device: Where to compute.
        **loading: ``batch_size`` and ``num_workers``.
    """
    spec = api.describe_classifier(name)
    check_weights(weights)
    if out is not None:
        check_result_path(Path(out).expanduser())
    files = [file for file, _ in named_images(paths)]
    model, note = open_model("classifier", name, weights, device)
    about = {"model": spec.name, "task": spec.task, "unit": spec.unit, "note": note}
    failures: list[XrvError] = []
    if out is None:
        rows = [row for batch in _predictions(model, files, failures, **loading) for row in batch]
        print_values(form, about, rows, heads=_heads(spec), unit=spec.unit)
        return report_failures(failures, len(files))
    columns = [label for label, trained in zip(model.pathologies, model.trained, strict=True) if trained]
    origin = {"model": spec.name, "weights": _weights_hash(spec, weights), "note": note}
    with ResultFile(Path(out).expanduser(), columns, origin) as results:
        rest = [file for file in files if str(file) not in results.done]
        for batch in _predictions(model, rest, failures, **loading):
            results.add(batch)
    there = f" ({len(files) - len(rest)} of them were there already)" if len(rest) < len(files) else ""
    click.echo(f"{out}: {len(files) - len(failures)} images{there}")
    return report_failures(failures, len(files))


def _weights_hash(spec: ClassifierSpec, weights: str) -> str:
    """The sha256 of the weights in use; "" where the model brings none."""
    from xrv_core.assets import sha256_of

    file = spec.weights_file if weights == "default" else weights
    published = "" if spec.weights is None else spec.weights.sha256 or ""
    return sha256_of(Path(file).expanduser()) if file else published


def open_model(kind: str, name: str, weights: str, device: str | None = None) -> tuple[Any, str]:
    """A model that can predict, and the note that goes with all its predictions; the note is printed to stderr.

    Raises:
        ArgumentError: There are no weights, or the device cannot be used.
    """
    spec: Any = api.describe(kind, name)
    if spec.weights is None and weights == "default" and not spec.weights_file:
        raise ArgumentError(f"{name!r} has no published weights, so it cannot predict: give a file with --weights.")
    from xrv_core.models import check_device

    where = check_device(device)
    model: Any = getattr(api, f"get_{kind}")(name, weights=weights)
    if where is not None:
        model.to(where)
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


class _Files:
    """Files as pairs of path and pixels; a file that cannot be read gives its error as a value."""

    def __init__(self, files: Sequence[Path], resolution: int | None) -> None:
        self.files, self.resolution = files, resolution

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Path, NDArray[np.float32] | XrvError]:
        file = self.files[number]
        try:
            return file, _pixels(file, self.resolution)
        except XrvError as error:
            return file, error


def _predictions(
    model: Any, files: Sequence[Path], failures: list[XrvError], *, batch_size: int, num_workers: int
) -> Iterator[list[tuple[Path, dict[str, float]]]]:
    """The readable files with their predictions, batch by batch and in order."""
    import numpy as np
    import torch

    loader: Any = torch.utils.data.DataLoader(
        _Files(files, model.input_resolution),  # type: ignore[arg-type]
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=list,
        generator=torch.Generator().manual_seed(0),  # without one it draws from the global generator
    )
    with progress(files) as bar:
        for items in loader:
            failures += [pixels for _, pixels in items if isinstance(pixels, XrvError)]
            batch = [(file, pixels) for file, pixels in items if not isinstance(pixels, XrvError)]
            # Models without a resolution take images as they are, one at a time.
            groups = [batch] if model.input_resolution and batch else [[one] for one in batch]
            found: list[tuple[Path, dict[str, float]]] = []
            for group in groups:
                values = model.predict(np.stack([pixels for _, pixels in group]))
                found += zip([file for file, _ in group], values, strict=True)
            yield found
            bar.update(len(items))


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
