"""The phantom dataset: a population on paper, each image drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import XrayDataset, common_columns
from xrv_core.errors import ArgumentError
from xrv_phantom.drawing import Drawing, Order, draw
from xrv_phantom.exposure import Film
from xrv_phantom.population import PREVALENCE, SITES, SPLITS, draw_population

__all__ = ["PhantomDataset", "miniature"]

_SIZES = (64, 2048)


class PhantomDataset(XrayDataset):
    """Chest X-ray phantoms, drawn by code. No patient is shown; not for medical use.

    Item i depends on ``seed``, ``split`` and i alone; nothing is stored, and no global state is read. The
    same seed with another ``prevalence`` gives the same people with other findings, with other ``sites`` the
    same people X-rayed elsewhere, with another ``size`` the same pictures finer or coarser.

    Args:
        spec: The spec of ``phantom``.
        imgpath, csvpath: Leave them out: there are no files.
        n: Number of images, before ``views`` and ``unique_patients`` choose among them.
        seed: 0 or more; another seed draws other people.
        size: Height and width in pixels, 64 to 2048, of a field of 38 cm.
        split: "train", "valid", "test" or None: four populations of which no two share a patient.
        pathologies: The findings that occur and are labelled; None means all.
        prevalence: Share of visits with a finding, one number for all or by name; what is not named keeps its
            default (``PREVALENCE`` in population.py).
        sites: The hospitals, out of "A", "B" and "C", which differ in exposure, contrast, noise, border and
            marker; None means all. A patient's hospital does not depend on the findings.
        labels: "strict" or "torchxrayvision": the same here, phantoms have one truth.
        on_error: "raise", "skip" or "defer": the same here, no file can be missing.
        **options: ``views``, ``unique_patients``, ``transform``, ``pathology_masks``, ``semantic_masks``: see
            ``XrayDataset``.

    Raises:
        ArgumentError: An argument that cannot be used.
    """

    gives_pathology_masks = True
    gives_semantic_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: None = None,
        csvpath: None = None,
        *,
        n: int = 1000,
        seed: int = 0,
        size: int = 224,
        split: str | None = None,
        pathologies: Sequence[str] | None = None,
        prevalence: float | Mapping[str, float] | None = None,
        sites: Sequence[str] | None = None,
        labels: str = "strict",
        on_error: str = "raise",
        **options: Any,
    ) -> None:
        _no_files(imgpath, csvpath, on_error)
        self.n = _whole("n", n, 1, None)
        self.seed = _whole("seed", seed, 0, 2**32 - 1)
        self.size = _whole("size", size, *_SIZES)
        if split not in SPLITS:
            raise ArgumentError(f"split={split!r} is no split of 'phantom'. Choose one of: train, valid, test, None.")
        self._stream = (self.seed, SPLITS[split])
        self.split = split or "all"  # a population of its own, so that it overlaps with no other
        drawn = _chosen("pathologies", pathologies, spec.pathologies)
        self.sites = _chosen("sites", sites, SITES)
        self.prevalence = _shares(prevalence, drawn, spec.pathologies)
        table, truth = draw_population(self.n, self.seed, split, self.prevalence, self.sites)
        self._truth = pd.DataFrame(truth.astype(bool), columns=list(spec.pathologies))[list(drawn)]
        self._last: tuple[int, Drawing] | None = None
        described, matrix = self._described(table), self._truth.to_numpy(np.float32)
        super().__init__(spec, described, matrix, drawn, label_policy=labels, **options)

    def pixels(self, row: int) -> NDArray[np.float32]:
        return self._drawing(row).picture.copy()

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        return {name: mask.copy() for name, mask in self._drawing(row).findings.items()}

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        return {name: mask.copy() for name, mask in self._drawing(row).structures.items()}

    def _drawing(self, row: int) -> Drawing:
        """The drawing of a row; the last one is kept, for picture and masks of one item."""
        item = int(self.csv["item"].iloc[row])
        last = self._last
        if last is None or last[0] != item:
            last = self._last = (item, draw(self._order(row, item), self.size))
        return last[1]

    def _order(self, row: int, item: int) -> Order:
        line = self.csv.iloc[row]
        return Order(
            stream=self._stream,
            patient=int(line["patient"]),
            visit=int(line["visit"]),
            image=int(line["image"]),
            view=line["view"],
            age=float(line["age_years"]),
            female=line["sex"] == "F",
            findings=tuple(self._truth.columns[self._truth.iloc[item]]),
            film=Film(
                **{k: float(line[k]) for k in ("exposure", "contrast", "noise", "border")}, marker=line["marker"]
            ),
        )

    def _described(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the common columns."""
        series = f"{self.seed}-{self.split}"
        table["item"] = np.arange(len(table))
        return common_columns(
            table,
            {
                **table[["view", "offset_day_int", "age_years", "sex"]],
                "patientid": f"{series}-" + table["patient"].astype(str),
                "has_masks": self._truth.any(axis=1),
                "source_uid": f"phantom:{series}-" + table["item"].astype(str),
            },
        )


def miniature(spec: DatasetSpec, folder: object) -> dict[str, Any]:
    """Twelve small phantoms: there is nothing to write."""
    return {"n": 12, "size": 96, "seed": 1}


def _no_files(imgpath: object, csvpath: object, on_error: str) -> None:
    """Refuse what makes no sense without files."""
    for name, path in (("imgpath", imgpath), ("csvpath", csvpath)):
        if path is not None:
            raise ArgumentError(f"'phantom' draws its images and needs no files: leave {name} out.")
    if on_error not in ("raise", "skip", "defer"):
        raise ArgumentError(f"on_error={on_error!r} is not a policy. Choose one of: raise, skip, defer.")


def _whole(name: str, value: object, low: int, high: int | None) -> int:
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and low <= value <= (high or value):
        return int(value)
    wanted = f"from {low} to {high}" if high else f"of {low} or more"
    raise ArgumentError(f"{name}={value!r} must be a whole number {wanted}.")


def _chosen(name: str, wanted: Sequence[str] | None, known: Sequence[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """``wanted``, in the order of ``known``."""
    if wanted is None:
        return tuple(known)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    strangers = [n for n in names if n not in known]
    if strangers or not names:
        problem = f"has no {strangers[0]!r}" if strangers else "is empty"
        raise ArgumentError(f"{name}={wanted!r} {problem}. Choose from: {', '.join(known)}.")
    return tuple(n for n in known if n in names)


def _shares(
    prevalence: float | Mapping[str, float] | None, drawn: Sequence[str], known: Sequence[str]
) -> dict[str, float]:
    """Prevalence of every known finding; of those that are not drawn, 0."""
    if prevalence is None or isinstance(prevalence, Mapping):
        given = dict(prevalence or {})
        strangers = [n for n in given if n not in drawn]
        if strangers:
            raise ArgumentError(
                f"prevalence names {strangers[0]!r}, which is not drawn. Choose from: {', '.join(drawn)}."
            )
        shares = {name: given.get(name, PREVALENCE[name]) for name in drawn}
    else:
        shares = dict.fromkeys(drawn, prevalence)
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 <= share <= 1:
            raise ArgumentError(f"prevalence of {name!r} is {share!r}: it must be a number from 0 to 1.")
    return {name: float(shares.get(name, 0.0)) for name in known}
