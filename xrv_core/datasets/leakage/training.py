"""Was a model trained on the data that it is tested on?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from xrv_core.datasets.leakage.overlaps import collection_of, training_overlaps
from xrv_core.datasets.leakage.seen import USES, SeenData
from xrv_core.errors import LeakageError

__all__ = ["check_training_data"]


def check_training_data(
    model: Any, dataset: Any, *, acknowledged: bool = False, uses: Collection[str] = tuple(USES)
) -> list[str]:
    """Check that a model was not trained on images or patients of ``dataset``; returns the overlaps in words.

    A model that was saved with ``trained_on=`` or ``tuned_on=`` knows its images and patients (``model.seen``): they
    are compared one by one. Of other training data only the names of the collections are known.

    Args:
        model: A model; without ``seen`` and ``spec.training_data`` nothing is known.
        dataset: The data for testing, or for fitting operating points.
        acknowledged: Return the overlaps instead of raising.
        uses: Which data counts: "trained", "tuned".

    Raises:
        LeakageError: There is an overlap, and it is not acknowledged.
    """
    spec = getattr(model, "spec", None)
    seen = [one for one in getattr(model, "seen", ()) if one.use in uses]
    by_image = {name for one in seen for name in one.covers}
    by_name = [name for name in getattr(spec, "training_data", ()) if name not in by_image]
    found = [str(overlap) for overlap in training_overlaps(by_name, dataset)]
    for one in seen:
        found += [*([text] if (text := one.found_in(dataset)) else []), *_other_names(one, dataset)]
    if found and not acknowledged:
        raise LeakageError(
            f"{getattr(spec, 'name', type(model).__name__)!r} may have seen these patients in training. "
            f"{'. '.join(found)}. The results say little about unseen patients. To continue anyway, pass "
            "acknowledge_leakage=True (on the command line --acknowledge-leakage)."
        )
    return found


def _other_names(seen: SeenData, dataset: Any) -> list[str]:
    """Overlaps with collections where the same images have other names, so that they cannot be compared."""
    overlaps = training_overlaps(seen.collections, dataset)
    return [str(overlap) for overlap in overlaps if collection_of(overlap.other) not in seen.collections]
