"""VinDr-CXR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import (
    FileDataset,
    Index,
    PixelRecipe,
    age_in_years,
    boxes_mask,
    choose_extension,
    dicom_headers,
    image_extension,
)
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

    Raises:
        ArgumentError: ``readers`` is unknown, or is not "any" with ``labels="torchxrayvision"``; or masks are
            requested without ``sizes``.
        TableError: An invalid row or an unknown class; for other errors see ``FileDataset``.
    """

    caches_index = True
    needs = ("image_id", "class_name", "x_min", "y_min", "x_max", "y_max")
    text = ("image_id", "rad_id", "class_name")
    numbers = ("x_min", "y_min", "x_max", "y_max")
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
        self._sizes = None if sizes is None else self.table_path(sizes, None)
        self._read_headers = read_headers
        self._extension = extension
        self.other_extensions = extension is None
        recipe = recipe or PixelRecipe(modality_lut=True, voi_lut=True)
        super().__init__(spec, imgpath, csvpath, recipe=recipe, **options)
        if self.pathology_masks and self._sizes_missing(self.extension):
            raise ArgumentError(
                f"The boxes of {spec.name!r} are in pixels of the DICOM images, but {self.extension} files may be of "
                "another size: pass sizes=... (a table with image_id, height, width), or omit pathology_masks."
            )

    @property
    def extension(self) -> str:
        """The file name extension in use."""
        return str(self.extras["extension"])

    @property
    def readings(self) -> Readings:
        """Who found what, and where."""
        return Readings(*(self.extras[name] for name in Readings._fields))

    def build(self, table: pd.DataFrame) -> Index:
        """One row an image, with its findings and readers; the source has one a box and reader."""
        readings = read(table, self.csvpath, self.spec.pathologies, exact=self.label_policy == "strict")
        images, labels = readings.images, self._labels(readings.votes, readings.count)
        return Index.of(
            images.drop(columns="count"),
            images=images["image_id"],
            labels=labels,
            extras=readings._asdict(),
            view=["PA"] * len(images),  # the authors kept no other (vindr.ai/datasets/cxr)
            has_masks=(labels == 1).any(axis=1),
            source_uid="vinbrain:" + images["image_id"],
        )

    def locate(self, index: Index) -> Index:
        extension = choose_extension(self.source, index.images.tolist(), _EXTENSIONS, self._extension)
        index = super().locate(index._replace(images=index.images + extension))
        extension, names = image_extension(index.images.iloc[0]), index.csv["image_id"].tolist()
        resized = extension not in _DICOM
        sizes = read_sizes(self._sizes, names, self.spec.name) if resized and self._sizes else {}
        index = index._replace(extras={**index.extras, "extension": extension, "sizes": sizes})
        if self._sizes_missing(extension):
            index = index.with_common(has_masks=None)
        if self._read_headers:
            headers = dicom_headers(self.source, index.images.tolist(), ("PatientSex", "PatientAge"))
            ages = age_in_years(headers["PatientAge"])
            index = index.with_common(sex=headers["PatientSex"], age_years=ages.where(ages > 0))  # adults: 0 is unknown
        return index

    def _sizes_missing(self, extension: str) -> bool:
        """Whether the size of the images that the boxes were drawn on is not known."""
        return extension not in _DICOM and self._sizes is None

    def _labels(self, votes: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.float32]:
        """Labels of N images, by how many of ``count`` ``[N]`` readers found them: ``votes`` ``[N, P]``."""
        count = count[:, None]
        needed: Any = {"any": 1, "majority": count // 2 + 1, "all": count}[self.readers]
        return (votes >= needed).astype(np.float32)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        image, classes, readers = self.csv[["image_id", "class_name", "rad_id"]].iloc[row]
        who = self.readings.who(image, self.spec.pathologies.index(label))
        return {"class_name": classes, "rad_id": "|".join(who), "readers": f"{self.readers} of {readers}"}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        image, readings = self.csv["image_id"].iloc[row], self.readings
        at = readings.positions(pd.Series([image]))
        labels = self._labels(readings.votes[at], readings.count[at])[0]
        return {
            self.spec.pathologies[column]: boxes_mask(
                readings.boxes(image, column), shape, self.extras["sizes"].get(image)
            )
            for column in np.flatnonzero(labels)
        }
