"""Days between a patient's studies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["days_from_first"]


def days_from_first(dates: pd.Series[Any], patients: pd.Series[Any]) -> pd.Series[Any]:
    """Days from a patient's first study to each study.

    Args:
        dates: N dates as YYYYMMDD, numbers or text.
        patients: N patients.

    Returns:
        N values of type Int64, 0 for a patient's first study; NA where the date is none or the patient is unknown.
    """
    day, distinct = pd.factorize(dates)  # many studies share few dates
    text = pd.Series(distinct).astype("str").str.removesuffix(".0")  # a column with blanks is read as float
    when = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
    number = np.append((when - pd.Timestamp(0)).dt.days.to_numpy(dtype=float), np.nan)[day]  # -1 is the last one
    patient, names = pd.factorize(patients)
    first = np.full(len(names) + 1, np.inf)
    np.fmin.at(first, patient, number)
    first[-1] = np.nan  # unknown patients
    days = number - first[patient]
    return pd.Series(pd.arrays.IntegerArray(np.nan_to_num(days).astype(np.int64), np.isnan(days)), index=dates.index)
