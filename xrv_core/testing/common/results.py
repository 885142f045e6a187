"""Run checks and report what they find."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from xrv_core.errors import ArgumentError, ConformanceError, suggestion

__all__ = [
    "Check", "CheckResult", "NotApplicable", "NotRun", "by_name", "check_exemptions", "described",
    "raise_failures", "run", "run_all",
]  # fmt: skip

#: Looks at a subject (a dataset, a model) and yields a sentence for each problem.
Check: TypeAlias = Callable[[Any], Iterator[str]]


_SHOWN = 3  # problems of one check


class NotApplicable(Exception):  # no error: the reason why a check does not apply
    """The check does not apply, for example a check of files to a dataset that makes its images."""


class NotRun(Exception):
    """The check needs something that is broken, and another check reports it.

    Attributes:
        check: The check that reports it.
    """

    def __init__(self, check: str) -> None:
        super().__init__(f"it needs what the check {check!r} found broken")
        self.check = check


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: The check.
        status: "failed": the contract is broken. "exempt": the check fails, and an exemption allows it. "not
            applicable" and "not run": nothing was found out, ``detail`` says why.
        detail: The problems, or the reason; empty if the check passed.
    """

    name: str
    status: Literal["passed", "failed", "not applicable", "not run", "exempt"]
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or self.status}"


def by_name(*groups: Iterable[Check]) -> dict[str, Check]:
    """Checks by the names of their functions."""
    return {check.__name__: check for group in groups for check in group}


def run_all(
    checks: Mapping[str, Check],
    make_subject: Callable[[Path], Any],
    exempt: Mapping[str, str] | None,
    only: Iterable[str] | None,
) -> list[CheckResult]:
    """Run checks on one subject.

    Args:
        checks: All checks of its kind, by name.
        make_subject: Makes the subject, which may work in the folder that it gets.
        exempt: Checks that cannot hold, each with the reason.
        only: Names of the checks to run; None runs all.

    Raises:
        ArgumentError: ``exempt`` or ``only`` names an unknown check, or a reason is missing.
    """
    exempt = dict(exempt or {})
    check_exemptions(exempt, checks)
    names = list(checks) if only is None else list(only)
    for name in names:
        if name not in checks:
            raise ArgumentError(f"only: {_unknown(name, checks)}")
    with tempfile.TemporaryDirectory(prefix="xrv-checks-", ignore_cleanup_errors=True) as folder:
        subject = make_subject(Path(folder))
        return [run(name, checks[name], subject, exempt.get(name)) for name in names]


def run(name: str, check: Check, subject: Any, exemption: str | None = None) -> CheckResult:
    """Run one check in the sandbox of ``subject``."""
    try:
        with subject.sandbox():
            problems = list(islice(check(subject), _SHOWN + 1))
    except NotApplicable as reason:
        return CheckResult(name, "not applicable", str(reason))
    except NotRun as reason:
        if reason.check != name or reason.__cause__ is None:
            return CheckResult(name, "not run", str(reason))
        problems = [f"unexpected {described(reason.__cause__)}"]
    except Exception as error:
        problems = [f"unexpected {described(error)}"]
    if not problems:
        if exemption is None:
            return CheckResult(name, "passed")
        return CheckResult(name, "failed", f"the check passes: remove its exemption ({exemption!r})")
    if exemption is not None:
        return CheckResult(name, "exempt", exemption)
    shown = [text if text.endswith((".", "!", "?")) else f"{text}." for text in problems[:_SHOWN]]
    more = ["There are more problems of this kind."] if len(problems) > _SHOWN else []
    return CheckResult(name, "failed", " ".join(shown + more))


def described(error: BaseException) -> str:
    """An exception, with the place where it was raised, as part of a sentence."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (raised at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text[:400]}{place}" if text else f"{type(error).__name__}{place}"


def check_exemptions(exempt: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise an ArgumentError if an exemption names an unknown check or gives no reason."""
    names = list(known)
    for name, reason in exempt.items():
        if name not in names:
            raise ArgumentError(f"exempt: {_unknown(name, names)}")
        if not isinstance(reason, str) or len(reason.split()) < 2:
            raise ArgumentError(f"exempt[{name!r}] is {reason!r}: say in a few words why the check cannot hold.")


def _unknown(name: str, known: Iterable[str]) -> str:
    hint = suggestion(name, known, most=1) or f" The checks are: {', '.join(known)}."
    return f"there is no check {name!r}.{hint}"


def raise_failures(name: str, results: Sequence[CheckResult]) -> None:
    """Raise one ConformanceError that lists all failed checks, if there are any."""
    failed = [result for result in results if result.status == "failed"]
    if failed:
        lines = "".join(f"\n- {result}" for result in failed)
        raise ConformanceError(f"{name!r} fails {len(failed)} of {len(results)} checks:{lines}")
