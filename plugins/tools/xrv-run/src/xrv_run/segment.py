"""``xrv segment``: image files in, masks at the size of each image out, as PNG or npz, and pictures to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xrv_core import __version__, api
from xrv_core.cli import print_table
from xrv_core.errors import ArgumentError, XrvError, suggestion
from xrv_core.specs import SegmenterSpec
from xrv_run.files import check_weights, named_images, short_path
from xrv_run.predict import open_model, print_values, progress, report_failures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["Job", "segment_command"]


def segment_command(
    name: str,
    paths: Sequence[str],
    *,
    out: str,
    weights: str,
    structures: Sequence[str],
    form: str,
    device: str | None,
    **options: Any,
) -> int:
    """Segment, write and tell; a file that cannot be read is reported at the end, and the exit code is then 1.

    Below ``out`` each image gets the folder ``name/path of the image``, without its suffix, which says
    where it lies in the folder that was named. Masks that are there already are written again.

    Args:
        name: Of the segmenter.
        paths: Image files, or folders of them.
        out: Folder to write to; images below it are not segmented.
        weights: "default" or a weights file.
        structures: Wanted structures, several may be in one string with commas between; none are all.
        form: "table", "csv" or "json" of the share of the image that each mask covers.
        device: Where to compute.
        **options: ``threshold``, ``masks`` and ``overlay`` of ``Job``.
    """
    spec = api.describe_segmenter(name)
    check_weights(weights)
    named = [part.strip() for text in structures for part in text.split(",") if part.strip()]
    for unknown in [each for each in named if each not in spec.structures]:  # before torch is loaded
        hint = suggestion(unknown, spec.structures) or f" There are: {', '.join(spec.structures[:8])}, ..."
        raise ArgumentError(f"{spec.name} has no structure {unknown!r}.{hint}")
    files = named_images(paths, except_below=Path(out))
    folders = _folders(files, Path(out) / spec.name)
    _make(Path(out))
    chosen = _chosen(named, spec)
    model, note = open_model("segmenter", name, weights, device)
    job = Job(spec.name, note, chosen, model, **options)
    failures: list[XrvError] = []
    with progress(files) as bar:
        for (file, _), folder in zip(files, folders, strict=True):
            job.run(file, folder, failures)
            bar.update()
    job.tell(form)
    return report_failures(failures, len(files))


@dataclass
class Job:
    """What is done to every image.

    Attributes:
        name: Of the segmenter.
        note: The warning that goes with its masks.
        structures: Wanted ones.
        model: The segmenter.
        threshold: Where the probability is above it, the mask is set.
        masks: "png", a file for each structure, or "npz", a file for all.
        overlay: Whether to draw outlines on the image, too.
        done: File, folder, and the share of the image that each mask covers.
    """

    name: str
    note: str
    structures: list[str]
    model: Any
    threshold: float
    masks: str
    overlay: bool
    done: list[tuple[Path, Path, dict[str, float]]] = field(default_factory=list)

    @property
    def caption(self) -> str:
        """What goes with every file that is written."""
        return f"{self.name}, threshold {self.threshold:g}. {self.note}"

    def run(self, file: Path, folder: Path, failures: list[XrvError]) -> None:
        """Segment one file; one structure is in memory at a time, unless an npz is written."""
        from xrv_core.datasets import Overlay, load_image

        try:
            image = load_image(file)
        except XrvError as error:
            failures.append(error)
            return
        drawn = Overlay(image, self.caption) if self.overlay else None
        _make(folder)
        shares: dict[str, float] = {}
        kept: dict[str, NDArray[np.bool_]] = {}
        for structure, probabilities in self.model.maps(image, self.structures):
            mask: NDArray[np.bool_] = (probabilities > self.threshold).numpy()
            shares[structure] = float(mask.mean())
            if self.masks == "npz":
                kept[structure] = mask
            else:
                _write(folder / f"{_file_name(structure)}.png", partial(_save_png, mask, self.caption))
            if drawn is not None:
                drawn.add(structure, mask, self.model.structures.index(structure))
        if kept:
            _write(folder / "masks.npz", partial(_save_npz, kept, self.caption))
        if drawn is not None:
            _write(folder / "overlay.png", partial(_save_picture, drawn.picture()))
        self.done.append((file, folder, shares))

    def tell(self, form: str) -> None:
        """Print shares, and where the masks are."""
        if form == "table" and len(self.done) > 1:
            rows = [(short_path(f), sum(s > 0 for s in shares.values()), folder) for f, folder, shares in self.done]
            print_table(("FILE", "STRUCTURES", "MASKS"), rows, right=(1,))
            return
        about = {"model": self.name, "threshold": f"{self.threshold:g}", "note": self.note}
        values = [(file, shares) for file, _, shares in self.done]
        print_values(form, about, values, heads=("STRUCTURE", "SHARE OF IMAGE"), key="shares")
        if form == "table" and self.done:
            click.echo(f"Masks: {self.done[0][1]}")


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
    _write(folder, lambda path: path.mkdir(parents=True, exist_ok=True))


def _write(path: Path, write: Callable[[Path], None]) -> None:
    try:
        write(path)
    except OSError as error:
        raise ArgumentError(f"{path} cannot be written: {error.strerror or error}. Choose another --out.") from error


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


def _save_picture(picture: Image, path: Path) -> None:
    picture.save(path, compress_level=1)
