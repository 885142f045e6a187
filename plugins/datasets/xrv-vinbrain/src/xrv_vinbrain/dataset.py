"""VinDr-CXR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, PixelRecipe, age_in_years, boxes_mask, choose_extension, dicom_headers
from xrv_core.errors import ArgumentError
from xrv_vinbrain.readings import Readings, read
from xrv_vinbrain.sizes import read_sizes

_DICOM = (".dicom", ".dcm")
_EXTENSIONS = (*_DICOM, ".png", ".jpg", ".jpeg")
_READERS = ("any", "majority", "all")


class VinBrainDataset(FileDataset):
    """14 labels and, as masks, the union of all readers' boxes of a positive label.

    Args:
        spec: The spec of ``vinbrain``.
        imgpath: Folder or archive of the ``.dicom`` files, in any sub-folders, or of PNG or JPEG files made from them;
            None opens labels and table only.
        csvpath: Kaggle's ``train.csv``, or PhysioNet's ``annotations_train.csv`` or ``annotations_test.csv``; None
            fetches Kaggle's.
        readers: How many of an image's readers make a label positive: "any", "majority" (more than half) or "all".
        sizes: For images that are not DICOM: a table of the DICOM images' sizes, with the columns ``image_id`` and
            ``height, width`` or ``dim0, dim1``. Boxes are in their pixels; without it there are no masks.
        read_headers: Fill ``sex`` and ``age_years`` from the headers of the DICOM files. Every file is opened once,
            which takes 10 seconds for all files on a fast disk, minutes on a slow one.
        extension: ".dicom", ".dcm", ".png", ".jpg" or ".jpeg"; None takes the extension of most images.
        recipe: How DICOM pixels are read; None applies modality LUT and window, because the raw values of 10 to 16
            bits use only a small part of their range.
        **options: See ``FileDataset``.

    Attributes:
        readers: As given.
        readings: The annotations of each reader.
        extension: The extension in use.

    Raises:
        ArgumentError: ``readers`` is unknown, or is not "any" with ``labels="torchxrayvision"``; or masks are
            requested without ``sizes``.
        TableError: An invalid row or an unknown class; for other errors see ``FileDataset``.
    """

    keeps_index = True
    needs = ("image_id", "class_name", "x_min", "y_min", "x_max", "y_max")
    text = ("image_id", "rad_id", "class_name")
    unique_file_names = True
    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        readers: str = "any",
        sizes: str | Path | None = None,
        read_headers: bool = False,
        extension: str | None = None,
        recipe: PixelRecipe | None = None,
        **options: Any,
    ) -> None:
        if readers not in _READERS:
            raise ArgumentError(f"Unknown readers={readers!r}. Choose one of: {', '.join(_READERS)}.")
        if readers != "any" and options.get("labels") == "torchxrayvision":
            raise ArgumentError('labels="torchxrayvision" allows only readers="any": omit one of them.')
        self.readers = readers
        self._sizes = None if sizes is None else Path(sizes).expanduser()
        self._read_headers = read_headers
        self._extension = extension
        recipe = recipe or PixelRecipe(modality_lut=True, voi_lut=True)
        super().__init__(spec, imgpath, csvpath, recipe=recipe, **options)
        if self.pathology_masks and not self._placed:
            raise ArgumentError(
                f"The boxes of {spec.name!r} are in pixels of the DICOM images, but {self.extension} files may be of "
                "another size: pass sizes=... (a table with image_id, height, width), or omit pathology_masks."
            )

    @property
    def readings(self) -> Readings:
        """The annotations of each reader."""
        return Readings(self._images, self._votes, self._shown, self._means)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """One row an image, with findings and readers; the source has one row a box and reader."""
        exact = self.label_policy == "strict"
        self._images, self._votes, self._shown, self._means = read(
            table, self.csvpath, self.spec.pathologies, exact=exact
        )
        names = self._images["image_id"].tolist()
        self.extension = choose_extension(self.source, names, _EXTENSIONS, self._extension)
        resized = self.extension not in _DICOM
        self._placed = not resized or self._sizes is not None
        self._drawn_on = read_sizes(self._sizes, names, self.spec.name) if resized and self._sizes else {}
        return self._images.drop(columns="count")

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["image_id"] + self.extension

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        known: dict[str, Any] = {
            "view": ["PA"] * len(table),  # only PA: vindr.ai/datasets/cxr
            "has_masks": self._placed & (self.label_matrix(table) == 1).any(axis=1),
            "source_uid": "vinbrain:" + table["image_id"],
        }
        if self._read_headers:
            headers = dicom_headers(self.source, self.image_names(table).tolist(), ("PatientSex", "PatientAge"))
            ages = age_in_years(headers["PatientAge"])
            known.update(sex=headers["PatientSex"], age_years=ages.where(ages > 0))  # adults, so 0 means unknown
        return known

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        readings = self.readings
        at = readings.positions(table["image_id"])
        votes, count = readings.votes[at], readings.count[at][:, None]
        needed: Any = {"any": 1, "majority": count // 2 + 1, "all": count}[self.readers]
        return (votes >= needed).astype(np.float32)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        image, classes, readers = self.csv[["image_id", "class_name", "rad_id"]].iloc[row]
        who = self.readings.who(image, self.spec.pathologies.index(label))
        return {"class_name": classes, "rad_id": "|".join(who), "readers": f"{self.readers} of {readers}"}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        image = self.csv["image_id"].iloc[row]
        drawn_on = self._drawn_on.get(image)
        return {
            self.spec.pathologies[column]: boxes_mask(self.readings.boxes(image, column), shape, drawn_on)
            for column in np.flatnonzero(self.label_matrix(self.csv.iloc[[row]])[0])
        }
