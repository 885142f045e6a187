"""Run the conformance kit for datasets: the functions that people call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from xrv_core.api import describe_dataset
from xrv_core.specs import DatasetSpec
from xrv_core.testing.common.results import Check, CheckResult, check_exemptions, chosen_checks, raise_failures, run
from xrv_core.testing.datasets import files, items, masks, options, processes, side_effects, spec, table
from xrv_core.testing.datasets.subject import Subject, Write

__all__ = ["DATASET_CHECKS", "SPEC_CHECKS", "check_dataset", "check_dataset_spec", "run_checks"]

#: Checks that need no data, by name.
SPEC_CHECKS: Mapping[str, Check] = MappingProxyType({check.__name__: check for check in spec.CHECKS})

#: Every check of a dataset, by name, in the order in which they run.
DATASET_CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: check
        for module in (
            spec,
            table,
            items,
            options,
            masks,
            files,
            processes,
            side_effects,
        )
        for check in module.CHECKS
    }
)


def check_dataset(
    dataset: str | DatasetSpec, *, exempt: Mapping[str, str] | None = None, miniature: Write | None = None
) -> list[CheckResult]:
    """Prove that a dataset keeps the contract, over its miniature; takes some seconds and needs no network.

    In a script, call it under ``if __name__ == "__main__":``, since it starts processes.

    Args:
        dataset: A registered name, or a spec.
        exempt: Checks that cannot hold, each with the reason in words.
        miniature: Writes a miniature into a folder and returns the arguments that open it; None takes the spec's.

    Returns:
        What came of every check; none failed.

    Raises:
        ConformanceError: Checks failed, or an exempted one passed; the message lists them all.
        ArgumentError: ``exempt`` names a check that does not exist, or gives no reason.
    """
    results = run_checks(dataset, exempt=exempt, miniature=miniature)
    raise_failures(_spec(dataset).name, results)
    return results


def check_dataset_spec(spec: str | DatasetSpec) -> list[CheckResult]:
    """Check a spec alone: what it tells, and that listing it is light; arguments and errors as in ``check_dataset``."""
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
    """Run the checks and return what came of each; nothing is raised for a check that fails.

    Args:
        dataset: A registered name, or a spec.
        exempt: Checks that cannot hold, each with the reason in words.
        miniature: Writes a miniature; see ``check_dataset``.
        only: Names of the checks to run; None runs all of ``DATASET_CHECKS``.

    Raises:
        ArgumentError: ``exempt`` or ``only`` names a check that does not exist, or there is no reason.
    """
    exempt = dict(exempt or {})
    check_exemptions(exempt, DATASET_CHECKS)
    chosen = chosen_checks(only, DATASET_CHECKS)
    with tempfile.TemporaryDirectory(prefix="xrv-checks-", ignore_cleanup_errors=True) as folder:
        subject = Subject(_spec(dataset), Path(folder), miniature)
        return [run(name, DATASET_CHECKS[name], subject, exempt.get(name)) for name in chosen]


def _spec(dataset: str | DatasetSpec) -> DatasetSpec:
    return dataset if isinstance(dataset, DatasetSpec) else describe_dataset(dataset)
