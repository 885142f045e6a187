"""Find patients and images that are in both the training set and the test set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pandas as pd

from xrv_core.datasets.leakage.overlaps import Overlap, between, leaves
from xrv_core.datasets.leakage.seen import identities, with_patients
from xrv_core.datasets.tables import read_table
from xrv_core.errors import ArgumentError, LeakageError
from xrv_core.protocols import Dataset

__all__ = ["KINDS", "LeakageReport", "check_leakage", "read_id_map"]

_SHOWN = 6  # rows of a table in a notebook
KINDS = ("images", "patients", "collections", "near_duplicates")


@dataclass(frozen=True)
class LeakageReport:
    """The result of ``check_leakage``; it is true if anything was found.

    Attributes:
        images: Images in both sets: ``source_uid``, and the first item of each set (``train``, ``test``).
        patients: Patients in both sets: ``patient`` as ``collection/patientid``, and the number of items.
        collections: Collections that are known to share patients, if the shared patients cannot be listed.
        near_duplicates: Pairs of items that look alike: ``train``, ``test``, ``distance`` (0 to 1); only on request.
        unknown_patients: Number of items of train and of test whose patient is unknown.
    """

    images: pd.DataFrame
    patients: pd.DataFrame
    collections: list[Overlap]
    near_duplicates: pd.DataFrame
    unknown_patients: tuple[int, int] = field(default=(0, 0))

    def found(self) -> list[str]:
        """The kinds of leakage that were found, from ``KINDS``."""
        return [kind for kind in KINDS if len(getattr(self, kind))]

    def __bool__(self) -> bool:
        return bool(self.found())

    def __str__(self) -> str:
        lines = [
            f"{len(self.images):,} images and {len(self.patients):,} patients are in both train and test.",
            *(
                f"{overlap}." + (f" To find them: {overlap.remedy}." if overlap.remedy else "")
                for overlap in self.collections
            ),
        ]
        if len(self.near_duplicates):
            lines.append(f"{len(self.near_duplicates):,} pairs of images look alike.")
        if any(self.unknown_patients):
            train, test = self.unknown_patients
            lines.append(f"The patient is unknown for {train:,} items of train and {test:,} of test.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """What a notebook shows: the text, and the first rows of what was found. Every text is escaped."""
        text = "".join(f"<p>{escape(line)}</p>" for line in str(self).split("\n"))
        found = [getattr(self, kind) for kind in ("images", "patients", "near_duplicates")]
        tables = [table.to_html(max_rows=_SHOWN, border=0, index=False) for table in found if len(table)]
        return f"<div><strong>Leakage: {', '.join(self.found()) or 'none found'}</strong>{text}{''.join(tables)}</div>"

    def raise_for_leakage(self, acknowledge: Iterable[str] = ()) -> None:
        """Raise LeakageError if a kind of leakage was found that is not acknowledged.

        Args:
            acknowledge: Kinds from ``KINDS`` that are accepted.

        Raises:
            LeakageError: The message is the report.
            ArgumentError: ``acknowledge`` has an unknown kind.
        """
        known = [acknowledge] if isinstance(acknowledge, str) else list(acknowledge)
        strange = [kind for kind in known if kind not in KINDS]
        if strange:
            raise ArgumentError(f"Unknown kind {strange[0]!r} in acknowledge. The kinds are: {', '.join(KINDS)}.")
        left = [kind for kind in self.found() if kind not in known]
        if left:
            raise LeakageError(f"{self}\nTo continue anyway, acknowledge {', '.join(map(repr, left))}.")


def check_leakage(
    train: Dataset,
    test: Dataset,
    *,
    id_map: pd.DataFrame | None = None,
    near_duplicates: bool = False,
    max_distance: float = 0.05,
    progress: bool = False,
) -> LeakageReport:
    """Find images and patients that are in both ``train`` and ``test``.

    Images are compared by ``source_uid``, patients by ``patientid`` within a collection. Known overlaps of
    collections with different names are reported; ``id_map`` lists which of their images are the same.

    Args:
        train: Any object that follows the ``Dataset`` protocol.
        test: The same.
        id_map: ``source_uid`` and ``same_as``, the names of one image in two collections, and perhaps ``patientid``
            in the collection of ``same_as``. ``read_id_map`` reads such a table.
        near_duplicates: Also compare the pixels by a perceptual hash, which opens every image. Needs ImageHash.
        max_distance: Share of the bits of the hash that may differ.
        progress: Draw a progress bar on stderr while images are opened.

    Returns:
        The report; ``report.raise_for_leakage()`` raises an error.

    Raises:
        ArgumentError: ``id_map`` lacks a column.
        MissingDependency: ImageHash is not installed.
    """
    sides = [_identities(dataset, id_map) for dataset in (train, test)]
    images = _shared([side.dropna(subset="uid") for side in sides], "uid").rename(columns={"uid": "source_uid"})
    patients = _shared([side.dropna(subset="patient") for side in sides], "patient", count=True)
    alike = pd.DataFrame({"train": [], "test": [], "distance": []})
    if near_duplicates:
        from xrv_core.datasets.leakage.duplicates import near_duplicate_pairs

        alike = near_duplicate_pairs(train, test, max_distance=max_distance, progress=progress)
    unknown = tuple(int(dataset.csv["patientid"].isna().sum()) for dataset in (train, test))
    return LeakageReport(images, patients, _collections(train, test, sides), alike, (unknown[0], unknown[1]))


def read_id_map(
    path: str | Path, source: tuple[str, str], same_as: tuple[str, str], *, patient_pattern: str | None = None
) -> pd.DataFrame:
    r"""Read a table with the names of each image in two collections, for ``check_leakage(id_map=...)``.

    Args:
        path: CSV file.
        source: Collection and column of the first name, such as ``("rsna", "patientId")``.
        same_as: Collection and column of the second name, such as ``("nih", "cxr_match")``; file suffixes are removed.
        patient_pattern: Regular expression whose first group is the patient in the second name: for NIH
            ``r"0*(\d+)_"``, because 00000150_002.png shows patient 150. None if names do not contain the patient.

    Raises:
        PathMissing, TableError, MissingColumns: The table cannot be used.
    """
    columns = [source[1], same_as[1]]
    table = read_table(path, needs=columns, text=columns, owner=source[0]).dropna(subset=columns)
    names = table[same_as[1]].str.replace(r"\.(?:png|jpe?g|dcm|dicom)$", "", regex=True, case=False)
    found = pd.DataFrame({"source_uid": f"{source[0]}:" + table[source[1]], "same_as": f"{same_as[0]}:" + names})
    if patient_pattern is not None:
        found["patientid"] = names.str.extract(patient_pattern, expand=False)
    return found.drop_duplicates().reset_index(drop=True)


def _identities(dataset: Dataset, id_map: pd.DataFrame | None) -> pd.DataFrame:
    """All names of each image, also those in ``id_map``: as ``identities``."""
    own = identities(dataset)
    if id_map is None:
        return own
    missing = [name for name in ("source_uid", "same_as") if name not in id_map.columns]
    if missing:
        raise ArgumentError(f"id_map needs the columns source_uid and same_as; it lacks {missing[0]!r}.")
    there = id_map if "patientid" in id_map.columns else id_map.assign(patientid=None)
    more = own[["item", "uid"]].merge(there, left_on="uid", right_on="source_uid")
    more = more[["item", "same_as", "patientid"]].rename(columns={"same_as": "uid"})
    return pd.concat([own, with_patients(more)], ignore_index=True)


def _shared(sides: Sequence[pd.DataFrame], key: str, *, count: bool = False) -> pd.DataFrame:
    """Values of ``key`` in both sets, with the first item of each set or the number of items."""
    grouped = [side.groupby(key, sort=True)["item"] for side in sides]
    columns = [g.nunique() if count else g.first() for g in grouped]
    return pd.concat(columns, axis=1, join="inner", keys=["train", "test"]).rename_axis(key).reset_index()


def _collections(train: Dataset, test: Dataset, sides: Sequence[pd.DataFrame]) -> list[Overlap]:
    """Pairs of collections that are known to overlap, except those whose images the map lists."""
    found: dict[frozenset[str], Overlap] = {}
    known = [side.groupby("item")["collection"].agg(frozenset).value_counts() for side in sides]
    for here in known[0].index:
        for there in known[1].index:
            pairs = [(a, b) for a in here for b in there]
            if any(a == b for a, b in pairs):
                continue  # both have names in one collection, so single images were compared
            for a, b in pairs:
                overlap = between(a, b)
                if overlap is not None:
                    found.setdefault(frozenset((a, b)), overlap)
    for one, other in _declared(train, test):
        found.setdefault(
            frozenset((one, other)), Overlap(one, other, f"the spec of {one} names {other} as overlapping")
        )
    return list(found.values())


def _declared(train: Dataset, test: Dataset) -> list[tuple[str, str]]:
    """Overlaps that the specs of third-party datasets declare; ours are in ``overlaps.toml``."""
    from xrv_core.datasets.leakage.overlaps import collection_of

    pairs = []
    for a in leaves(train):
        for b in leaves(test):
            one, other = getattr(a, "spec", None), getattr(b, "spec", None)
            if one is None or other is None or collection_of(one.name) == collection_of(other.name):
                continue
            if between(collection_of(one.name), collection_of(other.name)) is None:
                pairs += [(x.name, y.name) for x, y in ((one, other), (other, one)) if y.name in x.overlaps][:1]
    return pairs
