"""Evaluate a chest X-ray classifier on a dataset. Not for medical use.

>>> from xrv_eval import evaluate
>>> result = evaluate(classifier, dataset, out="evaluation")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_eval.evaluation import Evaluation, evaluate

__version__ = "0.1.0"
__all__ = ["Evaluation", "__version__", "evaluate"]


def __getattr__(name: str) -> Any:
    if name in ("Evaluation", "evaluate"):
        from xrv_eval import evaluation

        return getattr(evaluation, name)
    raise AttributeError(f"module 'xrv_eval' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
