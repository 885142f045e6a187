"""Days between a patient's studies."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["days_from_first"]


def days_from_first(dates: pd.Series[Any], patients: pd.Series[Any]) -> pd.Series[Any]:
    """Days from a patient's first study to each study.

    Args:
        dates: N dates as YYYYMMDD, numbers or text.
        patients: N patients.

    Returns:
        N values of type Int64, 0 for a patient's first study; NA if the date is invalid or the patient is unknown.
    """
    codes, distinct = pd.factorize(dates)  # few dates are different, and each is parsed once
    text = pd.Series(distinct).astype("str").str.removesuffix(".0")  # a column with blanks is read as float
    when = pd.Series(pd.to_datetime(text, format="%Y%m%d", errors="coerce").reindex(codes).to_numpy())
    patient = pd.factorize(patients)[0]
    first = when.groupby(patient).transform("min").where(patient >= 0)
    return (when - first).dt.days.astype("Int64")
