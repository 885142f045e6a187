"""CheXpert: what is particular to it, and what CheXlocalize shares with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import ChexpertLabelled, release_folder
from xrv_core.errors import TableError

_PATH = r".+/patient\d+/study\d+/view\d+_(frontal|lateral)\.jpg"
_EXAMPLE = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"
_RELEASES = ("CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
_SEX = {"Male": "M", "Female": "F"}


class CheXpertImages(ChexpertLabelled):
    """What the two datasets share: ``Path`` tells the file, the patient, the study and the side."""

    needs = (*ChexpertLabelled.needs, "Path")

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows with what their paths tell: common columns, and the number of the study."""
        paths = table["Path"].astype("str")
        for row in np.flatnonzero(~paths.str.fullmatch(_PATH, na=False))[:1]:
            raise TableError(
                f"{self.csvpath}, line {row + 2}: 'Path' is {paths[row]!r}, not the path of an image of "
                f"{self.spec.name!r}, such as {_EXAMPLE!r}."
            )
        tops, patients, studies, files = [], [], [], []
        for path in paths.tolist():
            top, one, two, three = path.rsplit("/", 3)
            tops.append(top)
            patients.append(one)
            studies.append(two)
            files.append(three)
        patient, study, file = (pd.Series(names, dtype="str") for names in (patients, studies, files))
        view = file.str.removesuffix(".jpg")
        lateral = table["Frontal/Lateral"] == "Lateral" if "Frontal/Lateral" in table else view.str.endswith("lateral")
        frontal = table["AP/PA"] if "AP/PA" in table else pd.Series(pd.NA, index=table.index, dtype="str")
        return table.assign(
            patientid=patient.str.removeprefix("patient"),
            study=study.str.removeprefix("study").astype(int),
            source_uid="chexpert:" + patient + "_" + study + "_" + view,
            view=frontal.mask(lateral, "L"),
            split=_splits(tops),
        )

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        paths = table["Path"].tolist()
        tops = [path.rpartition("/patient")[0] for path in paths]
        folders = {top: self._folder(top) for top in set(tops)}
        names = [folders[top] + path[len(top) + 1 :] for top, path in zip(tops, paths, strict=True)]
        return pd.Series(names, dtype="str")

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        age = table.get("Age")
        return {
            "patientid": table["patientid"],
            "view": table["view"],
            "age_years": None if age is None else age.where(age > 0),  # 0 in three rows; all others are adults
            "sex": table["Sex"].map(_SEX) if "Sex" in table else None,
            "source_uid": table["source_uid"],
        }

    def order(self, table: pd.DataFrame) -> pd.Series[Any]:
        """By study: in the training set the age never falls from one to the next."""
        return table["study"]

    def _folder(self, top: str) -> str:
        """Where in ``imgpath`` the folder is that the table calls ``CheXpert-v1.0/train``, with a slash."""
        release, _, split = top.rpartition("/")
        names = (split, "val") if split == "valid" else (split,)  # CheXlocalize calls the folder val
        places = [f"{place}/{name}".lstrip("/") for place in ("", release, *_RELEASES) for name in names]
        return release_folder(self.source, *places) or f"{split}/"


def _splits(tops: list[str]) -> pd.Series[Any]:
    """``train``, ``valid`` or ``test``, of paths like ``CheXpert-v1.0/train``; CheXlocalize says ``val``."""
    names = {top: top.rpartition("/")[2] for top in set(tops)}
    names = {top: "valid" if name == "val" else name for top, name in names.items()}
    return pd.Series([names[top] for top in tops], dtype="str")


class CheXpertDataset(CheXpertImages):
    """CheXpert: 13 labels from reports (train) or from radiologists (valid).

    Args:
        spec: The spec of ``chexpert``.
        imgpath: ``CheXpert-v1.0`` or ``CheXpert-v1.0-small``, or the folder that holds it; or an archive of it.
            None opens labels and table only.
        csvpath: ``train.csv`` or ``valid.csv``, whatever it is called; None fetches the training table.
        **options: ``uncertain`` and ``blank``, see ``ChexpertLabelled``; the others, see ``FileDataset``.

    Raises:
        TableError: A path is none of CheXpert, or a cell none of its labels; for the others see ``FileDataset``.
    """

    keeps_index = True
    needs = (*CheXpertImages.needs, "No Finding", "Sex", "Age", "Frontal/Lateral", "AP/PA")
