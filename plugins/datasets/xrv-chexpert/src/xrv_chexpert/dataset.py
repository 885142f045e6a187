"""CheXpert."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import ChexpertLabelled, Index, age_in_years, release_folder, row_place
from xrv_core.errors import TableError

_EXAMPLE = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"
_RELEASES = ("CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
_SEX = {"Male": "M", "Female": "F"}
_PATH = r".+/patient[0-9]+/study[0-9]+/view[0-9]+_(frontal|lateral)\.jpg"


class CheXpertImages(ChexpertLabelled):
    """What the two datasets share: ``Path`` names the file, the patient, the study and the side."""

    needs = (*ChexpertLabelled.needs, "Path")
    identifying_parts = 3  # patient, study and view; a patient is in one split only
    text = ("Path", "Sex", "Frontal/Lateral", "AP/PA")
    ages = ("Age",)

    def build(self, table: pd.DataFrame) -> Index:
        paths = table["Path"]
        for row in np.flatnonzero(~paths.str.fullmatch(_PATH, na=False))[:1]:
            raise TableError(
                f"{row_place(self.csvpath, row)}: 'Path' is {paths[row]!r}, but the path of an image of "
                f"{self.spec.name!r} looks like {_EXAMPLE!r}."
            )
        top = _tops(paths)
        image = paths.str.replace(r"^.+/patient", "patient", regex=True)
        lateral = table["Frontal/Lateral"] == "Lateral" if "Frontal/Lateral" in table else image.str.contains("lateral")
        frontal = table["AP/PA"] if "AP/PA" in table else pd.Series(pd.NA, index=table.index, dtype="str")
        tops = top.unique()
        age = age_in_years(table["Age"]) if "Age" in table else None
        table = table.assign(
            study=image.str.replace(r"^.+/study|/view.+$", "", regex=True).astype("int64"),
            split=top.map({name: _split(name) for name in tops}),
        )
        return Index.of(
            table,
            images=top.map({name: _folder(name) for name in tops}) + image,
            labels=self.labels_of(table),
            order=table["study"],  # in the training set the age never falls from one study to the next
            extras={"tops": tops.tolist()},
            patientid=image.str.replace(r"/.*$", "", regex=True).str.removeprefix("patient"),
            view=frontal.mask(lateral, "L"),
            age_years=None if age is None else age.where(age > 0),  # 0 in three rows; all others are adults
            sex=table["Sex"].map(_SEX) if "Sex" in table else None,
            source_uid="chexpert:" + image.str.replace("/", "_", regex=False).str.removesuffix(".jpg"),
        )

    def locate(self, index: Index) -> Index:
        tops = index.extras["tops"]
        places = [self._place(top) for top in tops]
        if self.source is not None and all(places):
            self.source.parts = None  # the release is there: no image is taken from another one, which may be smaller
        folders = [place or _folder(top) for place, top in zip(places, tops, strict=True)]
        if folders != [_folder(top) for top in tops]:
            place = _tops(index.csv["Path"].astype("str")).map(dict(zip(tops, folders, strict=True)))
            index = index._replace(images=place + index.images.str.replace(r"^[^/]*/", "", regex=True))
        return super().locate(index)

    def _place(self, top: str) -> str:
        """Where in ``imgpath`` the folder is that the table calls ``CheXpert-v1.0/train``, with a slash; or ""."""
        release, _, split = top.rpartition("/")
        names = (split, "val") if split == "valid" else (split,)  # CheXlocalize calls the folder val
        places = [f"{place}/{name}".lstrip("/") for place in ("", release, *_RELEASES) for name in names]
        return release_folder(self.source, *places)


class CheXpertDataset(CheXpertImages):
    """CheXpert: 13 labels from reports (train) or from radiologists (valid).

    Args:
        spec: The spec of ``chexpert``.
        imgpath: ``CheXpert-v1.0`` or ``CheXpert-v1.0-small``, or the folder that holds it; or an archive of it.
            None opens labels and table only.
        csvpath: ``train.csv`` or ``valid.csv``, under any name; None fetches the training table.
        **options: ``uncertain`` and ``blank``, see ``ChexpertLabelled``; the others, see ``FileDataset``.

    Raises:
        TableError: A path or a label has another format; for other errors see ``FileDataset``.
    """

    caches_index = True
    needs = (*CheXpertImages.needs, "No Finding", "Sex", "Age", "Frontal/Lateral", "AP/PA")


def _tops(paths: pd.Series[Any]) -> pd.Series[Any]:
    """What each path has above the folder of the patient."""
    return paths.str.replace(r"/patient[^/]+/study[^/]+/view[^/]+$", "", regex=True)


def _folder(top: str) -> str:
    """The folder of the images in ``imgpath``, unless another one is found there."""
    return f"{top.rpartition('/')[2]}/"


def _split(top: str) -> str:
    """The split that the folder ``top`` holds; CheXlocalize calls the validation set val."""
    name = top.rpartition("/")[2]
    return "valid" if name == "val" else name
