"""CheXpert: what is particular to it, and what CheXlocalize shares with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_chexpert.paths import PATH, split_paths
from xrv_core.datasets import ChexpertLabelled, mapped, release_folder
from xrv_core.errors import TableError

_EXAMPLE = "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg"
_RELEASES = ("CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
_SEX = {"Male": "M", "Female": "F"}
_SPLIT = {"val": "valid"}  # CheXlocalize says val


class CheXpertImages(ChexpertLabelled):
    """What the two datasets share: ``Path`` tells the file, the patient, the study and the side."""

    needs = (*ChexpertLabelled.needs, "Path")

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows with what their paths tell: common columns, and the number of the study."""
        paths = table["Path"].astype("str")
        found = split_paths(paths)
        if found is None:
            row = np.flatnonzero(~paths.str.fullmatch(PATH, na=False))[0]
            raise TableError(
                f"{self.csvpath}, line {row + 2}: 'Path' is {paths[row]!r}, not the path of an image of "
                f"{self.spec.name!r}, such as {_EXAMPLE!r}."
            )
        lateral = table["Frontal/Lateral"] == "Lateral" if "Frontal/Lateral" in table else found.lateral
        frontal = table["AP/PA"] if "AP/PA" in table else pd.Series(pd.NA, index=table.index, dtype="str")
        return table.assign(
            patientid=found.patient,
            study=found.study,
            source_uid=found.uid,
            view=frontal.mask(lateral, "L"),
            split=found.of_top(lambda top: _SPLIT.get(name := top.rpartition("/")[2], name)),
            _image=found.of_top(self._folder) + found.tails,  # the path is at hand
        )

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["_image"]

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        age = table.get("Age")
        return {
            "patientid": table["patientid"],
            "view": table["view"],
            "age_years": None if age is None else age.where(age > 0),  # 0 in three rows; all others are adults
            "sex": mapped(table["Sex"], _SEX) if "Sex" in table else None,
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
