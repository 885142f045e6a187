"""``xrv segment``: image files in, masks at the size of each image out, as PNG or npz, and pictures to look at."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core import __version__, api
from xrv_core.assets import aside, writing
from xrv_core.cli import echo
from xrv_core.errors import ArgumentError, ImageError, InputError, WriteError, XrvError, printable, reading, suggestion
from xrv_core.specs import SegmenterSpec
from xrv_run.files import check_weights, named_images, short_path
from xrv_run.predict import model_error, open_model, weights_hash
from xrv_run.printing import Printed, Table
from xrv_run.running import Run, failed_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xrv_core.datasets import RowFile

__all__ = ["Job", "segment_command"]


def _named(structures: Sequence[str], spec: SegmenterSpec) -> list[str]:
    """The structures that the user named; ArgumentError if the segmenter has no such one."""
    named = [part.strip() for text in structures for part in text.split(",") if part.strip()]
    for unknown in [each for each in named if each not in spec.structures]:
        hint = suggestion(unknown, spec.structures) or f" There are: {', '.join(spec.structures[:8])}, ..."
        raise ArgumentError(f"{spec.name} has no structure {unknown!r}.{hint}")
    return named


def segment_command(
    name: str,
    paths: Sequence[str],
    *,
    out: str,
    weights: str,
    structures: Sequence[str],
    form: str,
    device: str | None,
    strict: bool,
    follow_symlinks: bool = False,
    **options: Any,
) -> int:
    """Segment, write and tell each image as soon as it is there; the result is the exit code, see ``Run``.

    Below ``out`` each image gets the folder ``name/path of the image``, without its suffix, which says
    where it lies in the folder that was named. ``name.jsonl`` has a row for each image. An image that has not changed
    since, and whose masks of the same settings are there, is not segmented again.

    Args:
        name: Of the segmenter.
        paths: Image files, or folders of them.
        out: Folder to write to; images below it are not segmented.
        weights: "default" or a weights file.
        structures: Wanted structures, several may be in one string with commas between; none are all.
        form: "table", "csv" or "json" of the share of the image that each mask covers.
        device: Where to compute.
        strict: Whether the first file that fails ends the run.
        follow_symlinks: Follow links that leave a folder.
        **options: ``threshold``, ``masks`` and ``overlay`` of ``Job``.
    """
    spec = api.describe_segmenter(name)
    check_weights(weights)
    named = _named(structures, spec)  # before torch is loaded
    files = named_images(paths, except_below=Path(out), follow_symlinks=follow_symlinks)
    base = Path(out) / spec.name
    folders = _folders(files, base)
    _make(Path(out))
    _make(base)
    chosen = _chosen(named, spec)
    model, note = open_model("segmenter", name, weights, device)
    job = Job(spec.name, weights_hash(spec, weights), note, chosen, model, **options)
    run = Run(len(files), strict=strict, failed_list=failed_path(base.with_name(f"{base.name}.jsonl")), goes_on=True)
    told = _Told(form, job, [file for file, _ in files], run)
    with job.record(base) as record, told, run:
        for (file, _), folder in zip(files, folders, strict=True):
            shares = job.done(file, folder)
            if shares is None:
                stat = file.stat()
                try:
                    shares = job.run(file, folder)
                except Failed as failed:
                    run.fail(file, failed.error)
                    continue
                record.add(job.row(file, stat, shares))
            told.add(file, folder, shares)
            run.finished()
    return run.code


@dataclass
class Job:
    """What is done to every image.

    Attributes:
        name: Of the segmenter.
        weights: The hash of its weights.
        note: The warning that goes with its masks.
        structures: Wanted ones.
        model: The segmenter.
        threshold: Where the probability is above it, the mask is set.
        masks: "png", a file for each structure, or "npz", a file for all.
        overlay: Whether to draw outlines on the image, too.
    """

    name: str
    weights: str
    note: str
    structures: list[str]
    model: Any
    threshold: float
    masks: str
    overlay: bool
    _known: dict[tuple[str, int, int], array[float]] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """What goes with every file that is written."""
        return f"{self.name}, threshold {self.threshold:g}. {self.note}"

    @property
    def settings(self) -> dict[str, str]:
        """What the masks depend on besides image and structures."""
        return {
            "model": self.name, "weights": self.weights, "threshold": f"{self.threshold:g}",
            "masks": self.masks, "overlay": str(self.overlay),
        }  # fmt: skip

    def record(self, base: Path) -> RowFile:
        """The file with a row for each image that was segmented."""
        from xrv_core.datasets import RowFile

        return RowFile(base.with_name(f"{base.name}.jsonl"), {}, take=self._take, noun="run of xrv segment")

    def row(self, file: Path, stat: os.stat_result, shares: dict[str, float]) -> dict[str, Any]:
        """What the record says of an image."""
        return {
            "file": str(file), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, **self.settings, "shares": shares,
            "note": self.note,
        }  # fmt: skip

    def done(self, file: Path, folder: Path) -> dict[str, float] | None:
        """The shares of an image whose masks are there; None if it has to be segmented."""
        try:
            stat = file.stat()
        except OSError:
            return None
        shares = self._known.get((str(file), stat.st_size, stat.st_mtime_ns))
        whole = shares is not None and all((folder / name).is_file() for name in self._files())
        return dict(zip(self.structures, shares, strict=True)) if shares is not None and whole else None

    def run(self, file: Path, folder: Path) -> dict[str, float]:
        """Segment one file; one structure is in memory at a time, unless an npz is written.

        Returns:
            The share of the image that each mask covers.

        Raises:
            Failed: The image cannot be read or segmented.
            ArgumentError: The masks cannot be written.
        """
        from xrv_core.datasets import Overlay, load_image

        try:
            with reading(file, ImageError):
                image = load_image(file)
            _make(folder.parent)
            with _written(folder), aside(folder) as new:
                shares = self._segment(image, new, Overlay(image, self.caption) if self.overlay else None)
                folder.mkdir(exist_ok=True)
                for each in self._files():
                    (new / each).replace(folder / each)
        except (WriteError, Unwritable):
            raise
        except Exception as error:  # of the reader, of the network, or of the memory
            raise Failed(model_error(file, error)) from error
        return shares

    def _segment(self, image: Any, folder: Path, drawn: Any) -> dict[str, float]:
        shares: dict[str, float] = {}
        kept: dict[str, NDArray[np.bool_]] = {}
        for structure, probabilities in self.model.maps(image, self.structures):
            if not bool(probabilities.isfinite().all()):
                raise InputError(f"the model gives no number for {structure}.")
            mask: NDArray[np.bool_] = (probabilities > self.threshold).numpy()
            shares[structure] = float(mask.mean())
            if self.masks == "npz":
                kept[structure] = mask
            else:
                _save_png(mask, self.caption, folder / f"{_file_name(structure)}.png")
            if drawn is not None:
                drawn.add(structure, mask, self.model.structures.index(structure))
        if kept:
            _save_npz(kept, self.caption, folder / "masks.npz")
        if drawn is not None:
            drawn.picture().save(folder / "overlay.png", compress_level=1)
        return shares

    def _files(self) -> list[str]:
        """What is written for an image."""
        masks = ["masks.npz"] if self.masks == "npz" else [f"{_file_name(name)}.png" for name in self.structures]
        return [*masks, *["overlay.png"] * self.overlay]

    def _take(self, row: dict[str, Any]) -> None:
        key = (row["file"], row["size"], row["mtime_ns"])
        shares = row["shares"]
        alike = all(row[name] == value for name, value in self.settings.items())
        if alike and list(shares) == self.structures:
            self._known[key] = array("d", shares.values())
        else:  # masks of other settings have been written over these
            self._known.pop(key, None)


class Failed(Exception):
    """An image has no masks; ``error`` says why."""

    def __init__(self, error: XrvError) -> None:
        super().__init__(str(error))
        self.error = error


class Unwritable(ArgumentError):
    """The masks cannot be written."""


class _Told:
    """What is printed about each image: where its masks are, or the shares."""

    def __init__(self, form: str, job: Job, files: Sequence[Path], run: Run) -> None:
        about = {"model": job.name, "threshold": f"{job.threshold:g}", "note": job.note}
        heads = ("STRUCTURE", "SHARE OF IMAGE")
        self._printed = Printed(form, about, job.structures, files, run, heads=heads, key="shares")
        self._one = form == "table" and len(files) == 1
        self._table = None
        if form == "table" and not self._one:
            width = max(len(printable(short_path(file))) for file in files)
            self._table = Table(("FILE", "STRUCTURES", "MASKS"), (width, 0, 0), right=(1,))

    def __enter__(self) -> None:
        self._printed.__enter__()

    def __exit__(self, *of: Any) -> None:
        self._printed.__exit__(*of)

    def add(self, file: Path, folder: Path, shares: dict[str, float]) -> None:
        """Print one image."""
        if self._table is not None:
            self._table.add(short_path(file), sum(share > 0 for share in shares.values()), folder)
            return
        self._printed.add((file, shares))
        if self._one:
            echo(f"Masks: {folder}")


def _chosen(named: Sequence[str], spec: SegmenterSpec) -> list[str]:
    from xrv_core.models import choose_structures

    chosen = choose_structures(named or None, spec.structures, spec.name)
    taken = {"overlay": "the overlay"}
    for structure in chosen:
        name = _file_name(structure)
        if name in taken:
            raise ArgumentError(
                f"{spec.name}: {taken[name]} and {structure!r} would both be written to {name}.png. "
                "Segment them one after the other, with --structures and different --out."
            )
        taken[name] = repr(structure)
    return chosen


def _folders(files: Sequence[tuple[Path, Path]], base: Path) -> list[Path]:
    """The folder of each image; two images of one folder would overwrite each other."""
    from xrv_core.datasets import image_suffixes

    taken: dict[Path, Path] = {}
    suffixes = image_suffixes()
    for file, inside in files:
        folder = base / (inside.with_suffix("") if inside.suffix.lower() in suffixes else inside)
        if folder in taken:
            raise ArgumentError(
                f"{taken[folder]} and {file} would both be written to {folder}. Name the folder above both of them, "
                "or segment them one after the other, with different --out."
            )
        taken[folder] = file
    return list(taken)


def _file_name(structure: str) -> str:
    """A structure's name without what file systems dislike: "left lung" is "left_lung"."""
    return re.sub(r"[^\w.-]+", "_", structure)


def _make(folder: Path) -> None:
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        with writing(path):
            yield
    except OSError as error:
        if isinstance(error, XrvError):
            raise
        raise Unwritable(f"{path} cannot be written: {error.strerror or error}. Choose another --out.") from error


def _save_png(mask: NDArray[np.bool_], caption: str, path: Path) -> None:
    """8 bit, 255 inside; the caption goes with the file as its comment."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Software", f"xrv-core {__version__}")
    info.add_text("Comment", caption)
    Image.fromarray(mask.astype("uint8") * 255).save(path, pnginfo=info, compress_level=1)


def _save_npz(masks: dict[str, NDArray[np.bool_]], caption: str, path: Path) -> None:
    """``masks`` bool ``[K, H, W]``, ``structures`` their names, and ``comment``: nothing in it needs pickle."""
    import numpy as np

    stacked = np.stack(list(masks.values()))
    with path.open("wb") as stream:
        np.savez_compressed(stream, masks=stacked, structures=np.array(list(masks)), comment=np.array(caption))
