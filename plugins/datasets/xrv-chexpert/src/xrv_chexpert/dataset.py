"""CheXpert."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import ChexpertLabelled, release_folder
from xrv_core.errors import TableError

_EXAMPLE = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"
_RELEASES = ("CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
_SEX = {"Male": "M", "Female": "F"}
_PATH = r".+/patient[0-9]+/study[0-9]+/view[0-9]+_(frontal|lateral)\.jpg"


class CheXpertImages(ChexpertLabelled):
    """The common part of both datasets: ``Path`` gives the file, patient, study and view."""

    needs = (*ChexpertLabelled.needs, "Path")

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows, with the columns that ``Path`` gives."""
        paths = table["Path"].astype("str")
        for row in np.flatnonzero(~paths.str.fullmatch(_PATH, na=False))[:1]:
            raise TableError(
                f"{self.csvpath}, line {row + 2}: 'Path' is {paths[row]!r}, but the path of an image of "
                f"{self.spec.name!r} looks like {_EXAMPLE!r}."
            )
        top = paths.str.replace(r"/patient[^/]+/study[^/]+/view[^/]+$", "", regex=True)
        image = paths.str.replace(r"^.+/patient", "patient", regex=True)
        lateral = table["Frontal/Lateral"] == "Lateral" if "Frontal/Lateral" in table else image.str.contains("lateral")
        frontal = table["AP/PA"] if "AP/PA" in table else pd.Series(pd.NA, index=table.index, dtype="str")
        folder = {name: self._folder(name) for name in top.unique()}
        return table.assign(
            patientid=image.str.replace(r"/.*$", "", regex=True).str.removeprefix("patient"),
            study=image.str.replace(r"^.+/study|/view.+$", "", regex=True).astype("int64"),
            source_uid="chexpert:" + image.str.replace("/", "_", regex=False).str.removesuffix(".jpg"),
            view=frontal.mask(lateral, "L"),
            split=top.map({name: _split(name) for name in folder}),
            _image=top.map(folder) + image,
        )

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["_image"]

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        age = table.get("Age")
        return {
            "patientid": table["patientid"],
            "view": table["view"],
            "age_years": None if age is None else age.where(age > 0),  # three rows have 0, but all patients are adults
            "sex": table["Sex"].map(_SEX) if "Sex" in table else None,
            "source_uid": table["source_uid"],
        }

    def order(self, table: pd.DataFrame) -> pd.Series[Any]:
        """By study number: in the training set, the age never falls from one study to the next."""
        return table["study"]

    def _folder(self, top: str) -> str:
        """The folder in ``imgpath`` that the table calls ``CheXpert-v1.0/train``, with a slash."""
        release, _, split = top.rpartition("/")
        names = (split, "val") if split == "valid" else (split,)  # CheXlocalize calls the folder val
        places = [f"{place}/{name}".lstrip("/") for place in ("", release, *_RELEASES) for name in names]
        return release_folder(self.source, *places) or f"{split}/"


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

    keeps_index = True
    needs = (*CheXpertImages.needs, "No Finding", "Sex", "Age", "Frontal/Lateral", "AP/PA")


def _split(top: str) -> str:
    """The split that the folder ``top`` holds; CheXlocalize calls the validation set val."""
    name = top.rpartition("/")[2]
    return "valid" if name == "val" else name
