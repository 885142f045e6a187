"""Paths such as ``CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg``, hundreds of thousands at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.parts import coded_parts

__all__ = ["PATH", "Paths", "split_paths", "swap_tops"]

_PARTS = (r"patient\d+", r"study\d+", r"view\d+_(frontal|lateral)\.jpg")
PATH = "/".join((".+", *_PARTS))


class Paths(NamedTuple):
    """What N paths tell.

    Attributes:
        folder: The folder that holds the patients' folders, such as ``train``.
        uid: Patient, study and view, such as ``patient00001_study1_view1_frontal``.
        patient: The patients' numbers, as text.
        study: The studies' numbers.
        lateral: bool ``[N]``, by the file's name.
    """

    folder: pd.Series[Any]
    uid: pd.Series[Any]
    patient: pd.Series[Any]
    study: pd.Series[Any]
    lateral: NDArray[np.bool_]


def split_paths(paths: pd.Series[Any]) -> Paths | None:
    """What N paths tell; None where one of them is not like ``PATH``."""
    found = coded_parts(paths, "/")
    if found is None or not _are_like_it(*found):
        if not paths.str.fullmatch(PATH, na=False).all():
            return None
        tails = ["/".join(path.rsplit("/", 4)[-4:]) for path in paths.tolist()]  # they are of different depths
        found = coded_parts(pd.Series(tails, dtype="str"), "/")
        assert found is not None
    codes, names = found
    stems = [name.removesuffix(".jpg") for name in names]
    patient, study, view = (pd.Series(pd.array(stems, dtype="str").take(codes[:, i])) for i in (-3, -2, -1))
    number = [name.removeprefix("patient") for name in names]
    place = [int(name.removeprefix("study")) if name.startswith("study") else 0 for name in names]
    return Paths(
        pd.Series(pd.array(names, dtype="str").take(codes[:, -4]), index=paths.index),
        (patient + "_" + study + "_" + view).set_axis(paths.index),
        pd.Series(pd.array(number, dtype="str").take(codes[:, -3]), index=paths.index),
        pd.Series(np.array(place, dtype=np.int64)[codes[:, -2]], index=paths.index),
        np.array([name.endswith("lateral.jpg") for name in names])[codes[:, -1]],
    )


def _are_like_it(codes: NDArray[np.intp], names: list[str]) -> bool:
    """Whether paths that were taken apart are like ``PATH``, all of the same depth."""
    tops = codes.shape[1] - len(_PARTS)
    for column, pattern in zip(codes.T, (*(".+",) * tops, *_PARTS), strict=True) if tops > 0 else ():
        used = np.zeros(len(names), dtype=bool)
        used[column] = True
        fits = re.compile(pattern, re.ASCII).fullmatch
        if not all(fits(names[i]) for i in np.flatnonzero(used).tolist()):
            return False
    return tops > 0


def swap_tops(paths: pd.Series[Any], folder: Callable[[str], str]) -> pd.Series[Any]:
    """The paths with another beginning: ``folder(top)`` for what comes before the patient's folder, and its slash."""
    top = paths.iloc[0].rpartition("/patient")[0]
    if paths.str.startswith(f"{top}/patient").all():
        tails = paths.str.removeprefix(f"{top}/")
        if not tails.str.contains("/patient", regex=False).any():
            return folder(top) + tails
    tops = [path.rpartition("/patient")[0] for path in paths.tolist()]
    folders = {top: folder(top) for top in set(tops)}
    names = [folders[top] + path[len(top) + 1 :] for top, path in zip(tops, paths.tolist(), strict=True)]
    return pd.Series(names, index=paths.index, dtype="str")
