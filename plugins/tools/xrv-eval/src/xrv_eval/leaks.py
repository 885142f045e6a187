"""Was the classifier trained on what it is to be tested on?"""

from __future__ import annotations

from typing import Any

from xrv_core.datasets import training_overlaps
from xrv_core.errors import LeakageError

__all__ = ["check_training_data"]


def check_training_data(classifier: Any, dataset: Any, acknowledged: bool) -> list[str]:
    """What is known to be shared by the classifier's training data and the dataset, in words.

    Raises:
        LeakageError: Anything is, and it was not acknowledged.
    """
    spec = getattr(classifier, "spec", None)
    overlaps = [str(overlap) for overlap in training_overlaps(getattr(spec, "training_data", ()), dataset)]
    if overlaps and not acknowledged:
        raise LeakageError(
            f"{getattr(spec, 'name', type(classifier).__name__)!r} may have seen these patients in training. "
            f"{'. '.join(overlaps)}. Numbers from such a test say little about unseen patients. To go on all the "
            "same, pass acknowledge_leakage=True (--acknowledge-leakage); the record and the report will say so."
        )
    return overlaps
