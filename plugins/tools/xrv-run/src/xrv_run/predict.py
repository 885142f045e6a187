"""``xrv predict``: image files in, findings or other targets out, on the terminal, as CSV or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core import api
from xrv_core.cli import NOT_MEDICAL, echo
from xrv_core.errors import ArgumentError, InputError, XrvError
from xrv_run.files import check_weights, named_images
from xrv_run.printing import Printed
from xrv_run.reading import read_all
from xrv_run.results import ResultFile, check_result_path
from xrv_run.running import Run, failed_path

if TYPE_CHECKING:
    from xrv_core.specs import ClassifierSpec, ModelSpec

__all__ = ["Batches", "model_error", "open_model", "predict_command", "weights_hash"]


def predict_command(
    name: str,
    paths: Sequence[str],
    *,
    weights: str,
    form: str,
    out: str | None,
    device: str | None,
    strict: bool,
    batch_size: int,
    num_workers: int,
    follow_symlinks: bool = False,
) -> int:
    """Predict, and print or write each batch as soon as it is there; the result is the exit code, see ``Run``.

    Args:
        name: Of the classifier.
        paths: Image files, or folders of them.
        weights: "default" or a weights file.
        form: "table", "csv" or "json" on stdout.
        out: A .csv or .jsonl file to write to instead; images that it holds already are left out.
        device: Where to compute.
        strict: Whether the first file that fails ends the run.
        batch_size: Images that are predicted together.
        num_workers: Processes that read images; 0 reads them in this one.
        follow_symlinks: Follow links that leave a folder.
    """
    spec = api.describe_classifier(name)
    check_weights(weights)
    target = None if out is None else Path(out).expanduser()
    if target is not None:
        check_result_path(target)
    files = [file for file, _ in named_images(paths, follow_symlinks=follow_symlinks)]
    model, note = open_model("classifier", name, weights, device)
    names = [label for label, trained in zip(model.pathologies, model.trained, strict=True) if trained]
    batches = Batches(model, batch_size, num_workers)
    if target is None:
        about = {"model": spec.name, "task": spec.task, "unit": spec.unit, "note": note}
        run = Run(len(files), strict=strict)
        with Printed(form, about, names, files, run, heads=_heads(spec), unit=spec.unit) as printed, run:
            for batch in batches.of(files, run):
                printed.add(*batch)
        return run.code
    files = list(dict.fromkeys(files))
    with ResultFile(target, names, {"model": spec.name, "weights": weights_hash(spec, weights), "note": note}) as found:
        rest = [file for file in files if not found.is_done(file)]
        there = len(files) - len(rest)
        run = Run(len(files), there=there, strict=strict, failed_list=failed_path(target), goes_on=True)
        with run:
            for batch in batches.of(rest, run):
                found.add_values(*batch)
    already = f" ({there} of them were there already)" if there else ""
    echo(f"{out}: {run.done} images{already}")
    return run.code


def weights_hash(spec: ModelSpec, weights: str) -> str:
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
    echo(f"{spec.name}: {note}", err=True)
    return model, note


class Batches:
    """Predicts files batch by batch.

    Args:
        model: The classifier.
        size: Images that are predicted together.
        num_workers: Processes that read images.
    """

    def __init__(self, model: Any, size: int, num_workers: int) -> None:
        self.model, self.size, self.num_workers = model, size, num_workers

    def of(self, files: Sequence[Path], run: Run) -> Iterator[list[tuple[Path, dict[str, float]]]]:
        """The files with their predictions, in order; ``run`` gets those that fail."""
        pixels = zip(files, read_all(files, self.model.input_resolution, self.num_workers), strict=True)
        while part := list(islice(pixels, self.size)):
            bad = [(file, read) for file, read in part if isinstance(read, XrvError)]
            good = [(file, read) for file, read in part if not isinstance(read, XrvError)]
            # Models without a resolution take images as they are, one at a time.
            groups = [good] if self.model.input_resolution and good else [[one] for one in good]
            rows = [row for group in groups for row in self._values(group, bad)]
            yield rows
            run.finished(len(rows))
            for file, error in bad:
                run.fail(file, error)

    def _values(self, group: list[Any], bad: list[tuple[Path, XrvError]]) -> list[tuple[Path, dict[str, float]]]:
        """The predictions of some images; those that the model fails for go to ``bad``."""
        import numpy as np

        try:
            found = self.model.predict(np.stack([pixels for _, pixels in group]))
            rows = list(zip([file for file, _ in group], found, strict=True))
        except Exception as error:  # of the network, or of the memory that a batch takes
            if len(group) > 1:
                return [row for one in group for row in self._values([one], bad)]
            bad.append((group[0][0], model_error(group[0][0], error)))
            return []
        for file, values in rows:
            if odd := [name for name, value in values.items() if not isfinite(value)]:
                bad.append((file, InputError(f"{file}: the model gives no number for {', '.join(odd[:5])}.")))
        return [row for row in rows if all(map(isfinite, row[1].values()))]


def model_error(file: Path, error: Exception) -> XrvError:
    """What went wrong in a model, with the name of the file."""
    if isinstance(error, XrvError):
        return type(error)(f"{file}: {error}")
    reason = str(error) or "no reason given"
    return InputError(f"{file}: the model cannot take this image ({type(error).__name__}: {reason}).")


def _heads(spec: ClassifierSpec) -> tuple[str, str]:
    """Heads of the table of one image: what the rows are, and what their values are."""
    value = (spec.unit or "value") if spec.activation == "identity" else "probability"
    return ("finding" if spec.task == "findings" else spec.task).upper(), value.upper()
