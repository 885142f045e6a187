"""The images and patients that a model has seen, as salted hashes that are saved with the model."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.leakage.overlaps import collection_of, collections_in, leaves
from xrv_core.protocols import Dataset

__all__ = [
    "USES",
    "SeenData",
    "covered",
    "dataset_names",
    "identities",
    "seen_from_text",
    "seen_to_text",
    "with_patients",
]

#: What a model can do with data, and the words for it.
USES = {"trained": "trained", "tuned": "tuned (operating points or settings)"}
_FIELDS = {"use": str, "covers": list, "collections": list, "salt": str, "images": str, "patients": str}


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenData:
    """The images and patients of the data that a model was trained or tuned on.

    Each ``source_uid`` and each patient is kept as a 64-bit BLAKE2b hash with a salt of its own. So a file can be
    passed on without the names. A reader who has a list of all possible names can still test them one by one: this
    is a way to be compact and discreet, not a secret.

    Attributes:
        use: "trained" or "tuned".
        covers: Entries of the spec's ``training_data`` that these images stand for: leakage is decided by image.
        collections: The collections of the images, in plain text.
        salt: 16 bytes.
        images: uint64, sorted.
        patients: uint64, sorted; unknown patients are left out.
    """

    use: str
    covers: tuple[str, ...] = ()
    collections: tuple[str, ...]
    salt: bytes
    images: NDArray[np.uint64]
    patients: NDArray[np.uint64]

    @classmethod
    def of(cls, datasets: Sequence[Dataset], use: str) -> SeenData:
        """What a model has seen of some datasets."""
        names, salt = pd.concat([identities(dataset) for dataset in datasets]), secrets.token_bytes(16)
        return cls(
            use=use,
            collections=tuple(sorted(names["collection"].unique())),
            salt=salt,
            images=np.unique(_hashed(names["uid"].dropna(), salt)),
            patients=np.unique(_hashed(names["patient"].dropna(), salt)),
        )

    def found_in(self, dataset: Dataset) -> str:
        """The images and patients of ``dataset`` that the model has seen, in words; empty if there are none."""
        names = identities(dataset)
        images = int(np.isin(_hashed(names["uid"].dropna(), self.salt), self.images).sum())
        patients = names["patient"].dropna().drop_duplicates()
        people = int(np.isin(_hashed(patients, self.salt), self.patients).sum())
        if not images and not people:
            return ""
        return (
            f"The model was {USES[self.use]} on {images:,} of these {len(names):,} images and on {people:,} of these "
            f"{len(patients):,} patients"
        )

    def __repr__(self) -> str:
        return f"<SeenData {self.use} on {len(self.images):,} images of {len(self.patients):,} patients>"


def dataset_names(datasets: Sequence[Dataset]) -> list[str]:
    """Registry names of the datasets below some data, with ``:split`` where there is one; else their collections."""
    found = []
    for leaf in (leaf for dataset in datasets for leaf in leaves(dataset)):
        spec, part = getattr(leaf, "spec", None), getattr(leaf, "split", None)
        if spec is None:
            found += [name for name in collections_in(leaf.csv["source_uid"]).unique() if name]
        else:
            found.append(f"{spec.name}:{part}" if isinstance(part, str) else spec.name)
    return list(dict.fromkeys(found))


def covered(training_data: Iterable[str], seen: SeenData) -> tuple[str, ...]:
    """Those entries of ``training_data`` whose collection is in ``seen``."""
    return tuple(name for name in training_data if collection_of(name.partition(":")[0]) in seen.collections)


def identities(dataset: Dataset) -> pd.DataFrame:
    """Each image and its patient: ``item``, ``uid``, ``patientid``, ``collection``, ``patient`` with the collection."""
    csv = dataset.csv
    uid = csv["source_uid"].astype("str").reset_index(drop=True)
    names = pd.DataFrame({"item": np.arange(len(csv)), "uid": uid, "patientid": csv["patientid"].to_numpy()})
    return with_patients(names)


def with_patients(names: pd.DataFrame) -> pd.DataFrame:
    """``names`` with ``collection`` and ``patient``, from ``uid`` and ``patientid``."""
    collection = collections_in(names["uid"])
    patient = collection + "/" + names["patientid"].astype("str")
    return names.assign(collection=collection, patient=patient.where(names["patientid"].notna()))


def seen_to_text(seen: Iterable[SeenData]) -> str:
    """As JSON, with the hashes in base64: 11 characters an image."""
    return json.dumps(
        [
            {
                "use": one.use,
                "covers": list(one.covers),
                "collections": list(one.collections),
                "salt": base64.b64encode(one.salt).decode(),
                **{key: base64.b64encode(getattr(one, key).astype("<u8")).decode() for key in ("images", "patients")},
            }
            for one in seen
        ]
    )


def seen_from_text(text: str) -> tuple[SeenData, ...]:
    """The records in a text of ``seen_to_text``.

    Raises:
        ValueError: It is not such a text.
    """
    records = json.loads(text)
    if not isinstance(records, list):
        raise ValueError("it is not a list")
    return tuple(_record(one) for one in records)


def _record(one: Any) -> SeenData:
    if not isinstance(one, dict) or any(not isinstance(one.get(key), kind) for key, kind in _FIELDS.items()):
        raise ValueError("a record lacks a field or has one of another type")
    covers, collections = tuple(one["covers"]), tuple(one["collections"])
    if one["use"] not in USES or not all(isinstance(name, str) for name in (*covers, *collections)):
        raise ValueError("a record has a field of another type")
    images, patients, salt = (base64.b64decode(one[key], validate=True) for key in ("images", "patients", "salt"))
    if not 0 < len(salt) <= hashlib.blake2b.MAX_KEY_SIZE:
        raise ValueError("a salt has another length")
    return SeenData(
        use=one["use"],
        covers=covers,
        collections=collections,
        salt=salt,
        images=_numbers(images),
        patients=_numbers(patients),
    )


def _numbers(digests: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _hashed(names: pd.Series[str], salt: bytes) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8, key=salt).digest() for name in names)
    return _numbers(digests)
