"""The conformance kit as pytest classes; the only module of the kit that needs pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import xrv_core
from xrv_core.specs import DatasetSpec
from xrv_core.testing.dataset_checks import DATASET_CHECKS
from xrv_core.testing.results import Check, check_exemptions, run
from xrv_core.testing.subject import Subject

__all__ = ["DatasetTests"]


class DatasetTests:
    """One test for each check of the kit.

    ::

        class TestToy(DatasetTests):
            name = "toy"

    Attributes:
        name: A registered dataset, or a spec.
        exempt: Checks that cannot hold, each with the reason in words; such a test is an expected failure, and
            fails when the check holds after all.
    """

    name: ClassVar[str | DatasetSpec]
    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_exemptions(cls.exempt, DATASET_CHECKS)

    @classmethod
    def miniature(cls, folder: Path) -> Mapping[str, Any]:
        """Write the miniature and return the arguments that open it; override it to bring another one."""
        spec = cls._spec()
        return dict(xrv_core.api.load_factory(spec, spec.miniature)(spec, folder))

    @classmethod
    def _spec(cls) -> DatasetSpec:
        return cls.name if isinstance(cls.name, DatasetSpec) else xrv_core.describe_dataset(cls.name)

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        """The dataset under test; all tests of the class share it."""
        own = cls.miniature.__func__ is not DatasetTests.miniature.__func__  # type: ignore[attr-defined]
        return Subject(cls._spec(), tmp_path_factory.mktemp("checks"), cls.miniature if own else None)


def _test(name: str, check: Check) -> Callable[[DatasetTests, Subject], None]:
    def test(self: DatasetTests, subject: Subject) -> None:
        result = run(name, check, subject, self.exempt.get(name))
        if result.status == "failed":
            pytest.fail(result.detail, pytrace=False)
        if result.status in ("not applicable", "not run"):
            pytest.skip(result.detail)
        if result.status == "exempt":
            pytest.xfail(result.detail)

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"DatasetTests.test_{name}"
    test.__doc__ = check.__doc__
    return test


for _name, _check in DATASET_CHECKS.items():
    setattr(DatasetTests, f"test_{_name}", _test(_name, _check))
