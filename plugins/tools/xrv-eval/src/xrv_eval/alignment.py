"""The labels that a classifier and a dataset share, and checks of the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xrv_core.errors import ArgumentError

__all__ = ["Alignment", "align", "check_classifier"]


@dataclass(frozen=True)
class Alignment:
    """The labels to evaluate, in the dataset's order.

    Attributes:
        pathologies: Names of the dataset for which the classifier has a trained head.
        dataset_columns: Their columns in ``dataset.labels``.
        classifier_columns: Their columns in the classifier's output.
        left_out: The reason for every other name, by name.
    """

    pathologies: list[str]
    dataset_columns: list[int]
    classifier_columns: list[int]
    left_out: dict[str, str]


def align(classifier: Any, dataset: Any) -> Alignment:
    """Match the labels of ``dataset`` with the trained heads of ``classifier``, by name as written.

    Raises:
        ArgumentError: No name in common, or one of them has a name twice.
    """
    outputs, labels = list(classifier.pathologies), list(dataset.pathologies)
    trained = [name for name, yes in zip(outputs, classifier.trained, strict=True) if yes]
    _check_once("The classifier's trained heads", trained)
    _check_once("The dataset's pathologies", labels)
    common = [name for name in labels if name in trained]
    reasons = {True: "this head of the classifier was never trained", False: "the classifier has no such output"}
    left_out = {name: reasons[name in outputs] for name in labels if name not in trained}
    left_out |= {name: "the dataset has no such label" for name in trained if name not in labels}
    if not common:
        raise ArgumentError(
            "The classifier and the dataset have no pathology in common, so there is nothing to evaluate. "
            f"Trained heads of the classifier: {_names(trained)}. Labels of the dataset: {_names(labels)}. "
            "Names must be equal: rename labels that have the same meaning."
        )
    return Alignment(common, [labels.index(n) for n in common], [_where(n, classifier) for n in common], left_out)


def check_classifier(classifier: Any) -> None:
    """Raise an ArgumentError unless ``classifier`` is a module with the attributes that an evaluation needs."""
    import torch

    is_module: bool = isinstance(classifier, torch.nn.Module)
    if not is_module:
        raise ArgumentError(
            f"classifier must be a torch.nn.Module, got {type(classifier).__name__}. "
            "Load one by name with xrv_core.get_classifier(name)."
        )
    missing = [name for name in ("pathologies", "trained", "op_threshs") if not hasattr(classifier, name)]
    if missing:
        raise ArgumentError(
            f"The classifier ({type(classifier).__name__}) has no attribute {_names(missing)}. "
            "Set pathologies (names of the output columns), trained (a bool for each) and "
            "op_threshs (None if the output is logits)."
        )
    heads, flags = len(list(classifier.pathologies)), len(list(classifier.trained))
    if heads != flags:
        raise ArgumentError(f"The classifier has {heads} pathologies but {flags} values in trained: give one for each.")


def _where(name: str, classifier: Any) -> int:
    """Column of the trained head ``name`` (an untrained one may have the same name)."""
    pairs = list(zip(classifier.pathologies, map(bool, classifier.trained), strict=True))
    return pairs.index((name, True))


def _check_once(whose: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError(f"{whose} contain {_names(twice)} more than once: labels are matched by name.")


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
