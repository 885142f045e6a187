"""Run the conformance kit for datasets: the functions that people call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from xrv_core.api import describe_dataset
from xrv_core.specs import DatasetSpec
from xrv_core.testing.common.results import Check, CheckResult, by_name, raise_failures, run_all
from xrv_core.testing.common.side_effects import SIDE_EFFECTS, miniature_stays_inside
from xrv_core.testing.datasets import files, items, masks, options, processes, spec, table
from xrv_core.testing.datasets.subject import DatasetSubject, Write

__all__ = ["DATASET_CHECKS", "SPEC_CHECKS", "check_dataset", "check_dataset_spec", "run_checks"]

#: Checks that need no data, by name.
SPEC_CHECKS: Mapping[str, Check] = MappingProxyType(by_name(spec.CHECKS))

#: All checks of a dataset, by name, in the order in which they run.
DATASET_CHECKS: Mapping[str, Check] = MappingProxyType(
    by_name(
        *(module.CHECKS for module in (spec, table, items, options, masks, files, processes)),
        SIDE_EFFECTS,
        (miniature_stays_inside,),
    )
)


def check_dataset(
    dataset: str | DatasetSpec, *, exempt: Mapping[str, str] | None = None, miniature: Write | None = None
) -> list[CheckResult]:
    """Prove that a dataset keeps the contract, with its miniature; takes some seconds and needs no network.

    In a script, call it under ``if __name__ == "__main__":``, since it starts processes.

    Args:
        dataset: A registered name, or a spec.
        exempt: Checks that cannot hold, each with the reason.
        miniature: Writes a miniature into a folder and returns the arguments that open it; None takes the spec's.

    Returns:
        The result of each check; none failed.

    Raises:
        ConformanceError: Checks failed, or an exempted one passed; the message lists them all.
        ArgumentError: ``exempt`` names an unknown check, or gives no reason.
    """
    results = run_checks(dataset, exempt=exempt, miniature=miniature)
    raise_failures(_spec(dataset).name, results)
    return results


def check_dataset_spec(spec: str | DatasetSpec) -> list[CheckResult]:
    """Check only a spec, and that listing it is light; argument, result and errors as for ``check_dataset``."""
    results = run_checks(spec, only=SPEC_CHECKS)
    raise_failures(_spec(spec).name, results)
    return results


def run_checks(
    dataset: str | DatasetSpec,
    *,
    exempt: Mapping[str, str] | None = None,
    miniature: Write | None = None,
    only: Iterable[str] | None = None,
) -> list[CheckResult]:
    """Run the checks and return the result of each; a failed check raises nothing.

    Args:
        dataset: A registered name, or a spec.
        exempt: Checks that cannot hold, each with the reason.
        miniature: Writes a miniature; see ``check_dataset``.
        only: Names of the checks to run; None runs all of ``DATASET_CHECKS``.

    Raises:
        ArgumentError: ``exempt`` or ``only`` names an unknown check, or a reason is missing.
    """
    return run_all(DATASET_CHECKS, lambda folder: DatasetSubject(_spec(dataset), folder, miniature), exempt, only)


def _spec(dataset: str | DatasetSpec) -> DatasetSpec:
    return dataset if isinstance(dataset, DatasetSpec) else describe_dataset(dataset)
