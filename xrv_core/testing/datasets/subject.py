"""One dataset under test: what many checks need is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xrv_core.api import load_factory
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset, Sample, missing_members
from xrv_core.specs import DatasetSpec
from xrv_core.testing.common.compare import array_difference, samples_differences
from xrv_core.testing.common.results import NotApplicable, NotRun
from xrv_core.testing.common.subject import Subject, changes_of, once
from xrv_core.testing.datasets.images import Images, Victim

__all__ = ["MASKS", "DatasetSubject", "Write"]

#: Writes a miniature into a folder and returns the arguments that open it.
Write = Callable[[Path], Mapping[str, Any]]

MASKS = ("pathology_masks", "semantic_masks")


class DatasetSubject(Subject):
    """A dataset, its miniature on disk, and what checks share.

    A property that needs something broken raises ``NotRun`` with the check that reports it.

    Args:
        spec: Its spec; it need not be registered.
        folder: An empty folder to work in.
        write: Writes the miniature; None takes the spec's.
    """

    def __init__(self, spec: DatasetSpec, folder: Path, write: Write | None = None) -> None:
        super().__init__(spec, folder)
        self._write = write

    # -- opening

    @once()
    def arguments(self) -> dict[str, Any]:
        """The arguments that open the miniature, which is written at first use."""
        folder = self.folder / "miniature"
        folder.mkdir(parents=True)
        if self._write is not None:
            return dict(self._write(folder))
        if not self.spec.miniature:
            raise ArgumentError("its spec names no miniature, and none is given: the checks need one")
        return dict(load_factory(self.spec, self.spec.miniature)(self.spec, folder))

    def open(self, **changes: Any) -> Dataset:
        """The miniature with other arguments; an argument that is None is left out."""
        self.dataset  # noqa: B018  # if it does not open as it is, other arguments show nothing
        return self._open(**changes)

    def _open(self, **changes: Any) -> Dataset:
        arguments = {k: v for k, v in {**self.arguments, **changes}.items() if v is not None}
        dataset: Dataset = load_factory(self.spec)(self.spec, **arguments)
        return dataset

    @once("opens")
    def dataset(self) -> Dataset:
        """The miniature as it is."""
        return self._open()

    # -- items

    def read(self, dataset: Dataset) -> list[Sample]:
        """Every item of a dataset."""
        return [dataset[i] for i in range(len(dataset))]

    @once("items")
    def samples(self) -> list[Sample]:
        """Every item."""
        return self.read(self.dataset)

    @once("deterministic")
    def again(self) -> tuple[Dataset, list[Sample]]:
        """The miniature as it is and every item, opened and read again."""
        dataset = self.open()
        return dataset, self.read(dataset)

    @once()
    def steady(self) -> list[Sample]:
        """Every item, if the items are the same when the dataset is opened and read again."""
        if any(samples_differences(self.again[1], self.samples)):
            raise NotRun("deterministic")
        return self.samples

    def open_with_masks(self, **changes: Any) -> Dataset:
        """The miniature with all masks that it has."""
        return self.open(**dict.fromkeys(self.kinds, True), **changes)

    def use(self) -> None:
        """Use it as people do: open it with all masks, read, count and print it."""
        dataset = self.open_with_masks()
        if missing_members(dataset, Dataset):
            raise NotRun("members")
        self.read(dataset)
        str(dataset), dataset.totals()

    @once()
    def left_changed(self) -> set[str]:
        """Which parts of ``global_state`` its use leaves changed."""
        with self.sandbox():
            self.use()  # so that what it imports is imported before
        return changes_of(self.use)

    # -- masks

    @once("mask_kinds")
    def kinds(self) -> list[str]:
        """The kinds of masks that it has."""
        self.samples  # noqa: B018  # if nothing can be read, masks show nothing
        kinds = []
        for kind in MASKS:
            try:
                self.open(**{kind: True})
            except ArgumentError:
                continue
            kinds.append(kind)
        return kinds

    @once()
    def masked_samples(self) -> list[Sample]:
        """Every item with all masks that there are."""
        if not self.kinds:
            raise NotApplicable("it has no masks")
        samples = self.read(self.open_with_masks())
        if not any(sample.get(kind) for sample in samples for kind in MASKS):
            raise NotRun("mask_kinds")
        return samples

    # -- files

    @once()
    def images(self) -> Images:
        """A copy of the miniature's images."""
        self.dataset  # noqa: B018
        given = self.arguments.get("imgpath")
        if given is None:
            raise NotApplicable("its miniature has no imgpath")
        return Images(Path(given), self.folder / "images")

    @once()
    def victim(self) -> Victim:
        """An image without which opening or reading gives another result."""
        expected, images = self.steady, self.images
        for name in images.names():
            with images.changed(name, None):
                try:
                    found = self.read(self.open(imgpath=images.root))
                except Exception as error:
                    return Victim(name, error, len(expected))
            pairs = zip(found, expected, strict=False)
            if len(found) != len(expected) or any(array_difference(a["img"], b["img"]) for a, b in pairs):
                return Victim(name, None, len(found))
        raise NotApplicable("no item needs a file of imgpath")
