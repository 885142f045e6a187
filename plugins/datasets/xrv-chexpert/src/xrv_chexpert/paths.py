"""Paths such as ``CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg``, hundreds of thousands at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import coded_parts

__all__ = ["PATH", "Paths", "split_paths"]

_PARTS = (r"patient\d+", r"study\d+", r"view\d+_(frontal|lateral)\.jpg")
PATH = "/".join((".+", *_PARTS))


class Paths(NamedTuple):
    """What N paths tell.

    Attributes:
        tops: What there is before the patients' folders, such as ``CheXpert-v1.0/train``.
        top: ``[N]`` positions in ``tops``.
        tails: The rest of the paths.
        uid: Patient, study and view, such as ``patient00001_study1_view1_frontal``, after ``chexpert:``.
        patient: The patients' numbers, as text.
        study: The studies' numbers.
        lateral: bool ``[N]``, by the file's name.
    """

    tops: list[str]
    top: NDArray[np.intp]
    tails: pd.Series[Any]
    uid: pd.Series[Any]
    patient: pd.Series[Any]
    study: NDArray[np.int64]
    lateral: NDArray[np.bool_]

    def of_top(self, tell: Callable[[str], str]) -> pd.Series[Any]:
        """``tell(top)`` of each path."""
        return _taken(map(tell, self.tops), self.top)


def split_paths(paths: pd.Series[Any]) -> Paths | None:
    """What N paths tell; None where one of them is not like ``PATH``."""
    split = _with_one_top(paths) or _with_any_tops(paths)
    if split is None:
        return None
    tops, top, tails, (codes, names) = split
    patient, study, view = codes.T
    texts = pd.Series(names, dtype="str")
    # Of few pairs of a study and a view there are many.
    pair, pairs = pd.factorize(study * len(names) + view)
    ends = (f"_{names[i]}_{names[j].removesuffix('.jpg')}" for i, j in (divmod(p, len(names)) for p in pairs.tolist()))
    number = np.zeros(len(names), dtype=np.int64)
    for i in np.flatnonzero(np.bincount(study)).tolist():
        number[i] = int(names[i].removeprefix("study"))
    return Paths(
        tops,
        top,
        tails.reset_index(drop=True),
        _taken("chexpert:" + texts, patient) + _taken(ends, pair),
        _taken(texts.str.slice(len("patient")), patient),
        number[study],
        texts.str.endswith("lateral.jpg").to_numpy(dtype=bool)[view],
    )


def _with_one_top(paths: pd.Series[Any]) -> tuple[Any, ...] | None:
    """Paths that begin alike; the rest of them and its parts."""
    if not len(paths) or paths.isna().any():
        return None
    top = paths.iloc[0].rpartition("/patient")[0]
    if not re.fullmatch(".+", top) or not paths.str.startswith(f"{top}/patient").all():
        return None
    tails = paths.str.replace(f"{top}/", "", n=1, regex=False)  # quicker than a slice, which counts letters
    found = coded_parts(tails, "/")
    return ([top], np.zeros(len(paths), np.intp), tails, found) if found and _are_like_it(*found) else None


def _with_any_tops(paths: pd.Series[Any]) -> tuple[Any, ...] | None:
    if not paths.str.fullmatch(PATH, na=False).all():
        return None
    parts = [path.rsplit("/", len(_PARTS)) for path in paths.tolist()]
    top, tops = pd.factorize(pd.Series([path[0] for path in parts], dtype="str"))
    tails = pd.Series(["/".join(path[1:]) for path in parts], dtype="str")
    return tops.tolist(), top, tails, coded_parts(tails, "/")


def _are_like_it(codes: NDArray[np.intp], names: list[str]) -> bool:
    """Whether the ends of paths, which were taken apart, are like that of ``PATH``."""
    if codes.shape[1] != len(_PARTS):
        return False
    for column, pattern in zip(codes.T, _PARTS, strict=True):
        used = np.zeros(len(names), dtype=bool)
        used[column] = True
        lines = [names[i] for i in np.flatnonzero(used).tolist()]
        text = "\n".join(lines)
        if not re.fullmatch(rf"(?:{pattern}\n)*{pattern}", text, re.ASCII) or text.count("\n") != len(lines) - 1:
            return False
    return True


def _taken(texts: Iterable[str] | pd.Series[Any], at: NDArray[np.intp]) -> pd.Series[Any]:
    array: Any = texts.array if isinstance(texts, pd.Series) else pd.array([*texts], dtype="str")
    return pd.Series(array.take(at))
