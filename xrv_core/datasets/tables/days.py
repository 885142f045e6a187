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
    text = dates.astype("str").str.removesuffix(".0")  # a column with blanks is read as float
    when = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
    return (when - when.groupby(patients.to_numpy()).transform("min")).dt.days.astype("Int64")
