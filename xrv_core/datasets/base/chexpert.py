"""Tables in the format of the CheXpert labeler: CheXpert, CheXlocalize, MIMIC-CXR and BRAX.

One column for each of 13 findings and one for "No Finding"; a cell is 1 (present), 0 (absent), -1 (uncertain) or
blank (not mentioned). Irvin et al., CheXpert, AAAI 2019, section "Label extraction".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import chexpert_pathologies
from xrv_core.datasets.base.files import FileDataset
from xrv_core.errors import ArgumentError, TableError
from xrv_core.specs import DatasetSpec

__all__ = ["ChexpertLabelled", "chexpert_labels"]

_COLUMN_OF = {"Effusion": "Pleural Effusion"}  # the others are called as their labels
_COLUMNS = tuple(_COLUMN_OF.get(name, name) for name in chexpert_pathologies)
_DEVICES = "Support Devices"
_NO_FINDING = "No Finding"
_MEANING = {"nan": np.nan, "zero": 0.0, "one": 1.0}
_CHOICES = {"uncertain": ("nan", "zero", "one"), "blank": ("nan", "zero")}


def chexpert_labels(
    table: pd.DataFrame,
    pathologies: Sequence[str],
    *,
    policy: str = "strict",
    uncertain: str = "nan",
    blank: str = "nan",
    clears_devices: bool = False,
    where: object = "table",
) -> NDArray[np.float32]:
    """Labels of a table in the format of the CheXpert labeler.

    "No Finding" is given where no finding *but support devices* is present or uncertain: such a row says that the
    12 others are absent, and nothing about devices (in CheXpert 8,808 of its 22,381 rows have one).

    Args:
        table: N rows: a column for each of ``pathologies`` ("Pleural Effusion" for "Effusion"), perhaps "No Finding".
        pathologies: The P labels.
        policy: "strict": No Finding = 1 fills the *blank* cells of its row with 0, but overrules no cell.
            "torchxrayvision": it overrules every cell.
        uncertain: What -1 becomes: "nan", "zero" or "one".
        blank: What a cell becomes that is blank after that: "nan" or "zero".
        clears_devices: No Finding is about Support Devices, too; torchxrayvision has it so for MIMIC-CXR.
        where: What to call the table in errors, such as its path.

    Returns:
        float32 ``[N, P]`` of 1 / 0 / NaN.

    Raises:
        TableError: A cell is something else than 1, 0, -1 or blank.
    """
    values = _columns(table, pathologies, where)
    if _NO_FINDING in table.columns:
        healthy = _numbers(table[_NO_FINDING], where) == 1
        absent = np.array([clears_devices or name != _DEVICES for name in pathologies])
        values[healthy] = np.where(absent & (np.isnan(cells := values[healthy]) | (policy != "strict")), 0, cells)
    if blank != "nan":
        values[np.isnan(values)] = _MEANING[blank]
    values[values == -1] = _MEANING[uncertain]
    return values


class ChexpertLabelled(FileDataset):
    """Base of the datasets whose labels come in the format of the CheXpert labeler.

    Args:
        spec: The dataset's spec.
        imgpath: See ``FileDataset``.
        csvpath: See ``FileDataset``.
        uncertain: What -1 becomes: "nan" (unknown), "zero" or "one" (U-Ignore, U-Zeros, U-Ones of Irvin et al. 2019).
        blank: What a finding becomes that is not mentioned: "nan" (unknown), or "zero" as in Irvin et al. 2019.
        **options: See ``FileDataset``.

    Raises:
        ArgumentError: Not one of these words, or one of them together with ``labels="torchxrayvision"``.
        TableError: A cell of a label is something else than 1, 0, -1 or blank. For the others see ``FileDataset``.
    """

    needs: ClassVar[tuple[str, ...]] = _COLUMNS
    #: The table of the labels, where it is not the one that names the images.
    label_table: Path | None = None
    #: torchxrayvision 1.5.7 lets No Finding clear Support Devices in this dataset.
    peer_clears_devices: ClassVar[bool] = False

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        uncertain: str = "nan",
        blank: str = "nan",
        **options: Any,
    ) -> None:
        peer = options.get("labels", "strict") == "torchxrayvision"
        self.uncertain = _checked("uncertain", uncertain, peer)
        self.blank = _checked("blank", blank, peer)
        super().__init__(spec, imgpath, csvpath, **options)

    def labels_of(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """Labels of a table by the arguments of this dataset: see ``chexpert_labels``."""
        return chexpert_labels(
            table,
            self.spec.pathologies,
            policy=self.label_policy,
            uncertain=self.uncertain,
            blank=self.blank,
            clears_devices=self.peer_clears_devices and self.label_policy == "torchxrayvision",
            where=self.label_table or self.csvpath,
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        columns = (_COLUMN_OF.get(label, label), _NO_FINDING)
        return {column: self.csv[column].iloc[row] for column in columns if column in self.csv.columns}


def _checked(argument: str, value: str, peer: bool) -> str:
    """``value``, if it is one of the words of ``argument`` and does not contradict the label policy."""
    if value not in _CHOICES[argument]:
        words = ", ".join(_CHOICES[argument])
        raise ArgumentError(f"{argument}={value!r} is not a way to read {argument} cells. Choose one of: {words}.")
    if peer and value != "nan":
        raise ArgumentError(
            f'labels="torchxrayvision" leaves {argument} cells unknown: leave {argument}={value!r} out, '
            'or take labels="strict".'
        )
    return value


def _columns(table: pd.DataFrame, pathologies: Sequence[str], where: object) -> NDArray[np.float32]:
    """1, 0, -1 and NaN of each label: ``[N, P]``."""
    values = np.empty((len(table), len(pathologies)), dtype=np.float32)
    for column, name in enumerate(pathologies):
        values[:, column] = _numbers(table[_COLUMN_OF.get(name, name)], where)
    return values


def _numbers(cells: pd.Series[Any], where: object) -> NDArray[np.float64]:
    """1, 0, -1 and NaN."""
    plain = cells.dtype == np.float64
    numbers = cells.to_numpy() if plain else pd.to_numeric(cells, errors="coerce").to_numpy(float, na_value=np.nan)
    known = (numbers == 0) | (np.abs(numbers) == 1)
    if known.all() or (known | cells.isna().to_numpy()).all():
        return numbers
    wrong = np.flatnonzero(~known & cells.notna().to_numpy())
    raise TableError(
        f"{where}: {len(wrong)} of {len(cells)} cells of {cells.name!r} are not 1, 0, -1 or blank; "
        f"the first is {str(cells.iloc[wrong[0]])!r}. Compare the file with its source."
    )
