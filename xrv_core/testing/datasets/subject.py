"""One dataset under test: what many checks look at, made once."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core.api import load_factory
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset, missing_members
from xrv_core.testing.common.compare import array_difference, samples_differences
from xrv_core.testing.common.images import Images, Victim
from xrv_core.testing.common.once import once
from xrv_core.testing.common.outside import seen_from_outside
from xrv_core.testing.common.results import NotApplicable, NotRun
from xrv_core.testing.common.sandbox import global_state, sandbox

if TYPE_CHECKING:
    from xrv_core.protocols import Sample
    from xrv_core.specs import DatasetSpec

__all__ = ["MASKS", "Subject", "Write"]

#: Writes a miniature into a folder and returns the arguments that open it.
Write = Callable[[Path], Mapping[str, Any]]

MASKS = ("pathology_masks", "semantic_masks")


class Subject:
    """A dataset, its miniature on disk, and what checks share.

    Properties that need what is broken raise ``NotRun`` with the check that tells why.

    Args:
        spec: Its spec; it need not be registered.
        folder: An empty folder to work in.
        write: Writes the miniature; None takes the spec's.
    """

    def __init__(self, spec: DatasetSpec, folder: Path, write: Write | None = None) -> None:
        self.spec = spec
        self.folder = folder
        self.network: list[str] = []
        self.printed = io.StringIO()
        self._write = write

    def sandbox(self) -> AbstractContextManager[None]:
        """See ``xrv_core.testing.common.sandbox``."""
        return sandbox(self.folder / "cache", self.network)

    # -- opening

    @once
    def arguments(self) -> dict[str, Any]:
        """What opens the miniature, which is written at first use."""
        folder = self.folder / "miniature"
        folder.mkdir(parents=True)
        with redirect_stdout(self.printed):
            if self._write is not None:
                return dict(self._write(folder))
            if not self.spec.miniature:
                raise ArgumentError("its spec names no miniature, and none is given: a dataset is proven over one")
            return dict(load_factory(self.spec, self.spec.miniature)(self.spec, folder))

    def open(self, **changes: Any) -> Dataset:
        """The miniature with other arguments; one that is None is left out."""
        self.dataset  # noqa: B018  # what does not open as it is says nothing about other arguments
        return self._open(**changes)

    def _open(self, **changes: Any) -> Dataset:
        arguments = {k: v for k, v in {**self.arguments, **changes}.items() if v is not None}
        with redirect_stdout(self.printed):
            dataset: Dataset = load_factory(self.spec)(self.spec, **arguments)
        return dataset

    @once
    def opened(self) -> Dataset:
        """The miniature as it is; raises what opening it raises."""
        return self._open()

    @property
    def dataset(self) -> Dataset:
        """The miniature as it is."""
        try:
            return self.opened
        except Exception as error:
            raise NotRun("opens") from error

    # -- items

    @once
    def read(self) -> list[Sample]:
        """Every item; raises what reading them raises."""
        return self.read_all(self.dataset)

    def read_all(self, dataset: Dataset) -> list[Sample]:
        """Every item of a dataset."""
        with redirect_stdout(self.printed):
            return [dataset[i] for i in range(len(dataset))]

    @property
    def samples(self) -> list[Sample]:
        """Every item."""
        try:
            return self.read
        except NotRun:
            raise
        except Exception as error:
            raise NotRun("items") from error

    @once
    def steady(self) -> list[Sample]:
        """Every item, of a dataset whose items are the same when it is opened and read again."""
        samples = self.samples
        if any(samples_differences(self.read_all(self.open()), samples)):
            raise NotRun("deterministic")
        return samples

    def use(self) -> None:
        """Do with it what people do: open it with all masks, read, count and print it."""
        dataset = self.open(**dict.fromkeys(self.kinds, True))
        if missing_members(dataset, Dataset):
            raise NotRun("members")
        self.read_all(dataset)
        with redirect_stdout(self.printed):
            str(dataset), dataset.totals()

    # -- masks

    @once
    def kinds_tried(self) -> dict[str, bool]:
        """Which kinds of masks it gives; raises what opening with them raises, unless they are refused."""
        self.samples  # noqa: B018  # what cannot be read at all says nothing about masks
        given = {}
        for kind in MASKS:
            try:
                self.open(**{kind: True})
            except ArgumentError:
                given[kind] = False
            else:
                given[kind] = True
        return given

    @property
    def kinds(self) -> list[str]:
        """The kinds of masks that it gives."""
        try:
            return [kind for kind, given in self.kinds_tried.items() if given]
        except NotRun:
            raise
        except Exception as error:
            raise NotRun("mask_kinds") from error

    @once
    def masked_samples(self) -> list[Sample]:
        """Every item with all masks that there are."""
        if not self.kinds:
            raise NotApplicable("it gives no masks")
        samples = self.read_all(self.open(**dict.fromkeys(self.kinds, True)))
        if not any(sample.get(kind) for sample in samples for kind in MASKS):
            raise NotRun("mask_kinds")
        return samples

    # -- files and processes

    @once
    def images(self) -> Images:
        """A copy of the miniature's images."""
        self.dataset  # noqa: B018
        given = self.arguments.get("imgpath")
        if given is None:
            raise NotApplicable("its miniature has no imgpath")
        return Images(Path(given), self.folder / "images")

    @once
    def victim(self) -> Victim:
        """An image without which opening or reading is not what it was."""
        expected, images = self.steady, self.images
        for name in images.names():
            with images.changed(name, None):
                try:
                    found = self.read_all(self.open(imgpath=images.root))
                except Exception as error:
                    return Victim(name, error, len(expected))
            pairs = zip(found, expected, strict=False)
            if len(found) != len(expected) or any(array_difference(a["img"], b["img"]) for a, b in pairs):
                return Victim(name, None, len(found))
        raise NotApplicable("no item needs a file of imgpath")

    @once
    def seen_from_outside(self) -> dict[str, list[str]]:
        """What a fresh process finds; see ``probe.observe``."""
        return seen_from_outside(self.spec, self.folder / "outside")

    @once
    def left_changed(self) -> set[str]:
        """Which of ``global_state`` opening, reading, counting and printing leave changed."""
        with self.sandbox():
            self.use()  # whatever it imports on its way is imported now
        before = global_state()
        self.use()
        after = global_state()
        return {name for name in before if before[name] != after[name]}
