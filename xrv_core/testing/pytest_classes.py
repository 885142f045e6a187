"""The conformance kit as pytest classes; the only module of the kit that needs pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

import xrv_core
from xrv_core.specs import DatasetSpec, ModelSpec
from xrv_core.testing.common.results import Check, check_exemptions, run
from xrv_core.testing.datasets.checks import DATASET_CHECKS
from xrv_core.testing.datasets.subject import DatasetSubject
from xrv_core.testing.models.checks import MODEL_CHECKS, model_subject
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["AutoencoderTests", "ClassifierTests", "DatasetTests", "SegmenterTests"]


class DatasetTests:
    """One test for each check of the kit.

    ::

        class TestToy(DatasetTests):
            name = "toy"

    Attributes:
        name: A registered dataset, or a spec.
        exempt: Checks that cannot hold, each with the reason. Their tests are expected failures, and fail if the
            check passes.
    """

    name: ClassVar[str | DatasetSpec]
    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_exemptions(cls.exempt, DATASET_CHECKS)

    @classmethod
    def miniature(cls, folder: Path) -> Mapping[str, Any]:
        """Write the miniature and return the arguments that open it; override it to write another one."""
        spec = cls._spec()
        return dict(xrv_core.api.load_factory(spec, spec.miniature)(spec, folder))

    @classmethod
    def _spec(cls) -> DatasetSpec:
        return cls.name if isinstance(cls.name, DatasetSpec) else xrv_core.describe_dataset(cls.name)

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, tmp_path_factory: pytest.TempPathFactory) -> DatasetSubject:
        """The dataset under test; all tests of the class share it."""
        own = cls.miniature.__func__ is not DatasetTests.miniature.__func__  # type: ignore[attr-defined]
        return DatasetSubject(cls._spec(), tmp_path_factory.mktemp("checks"), cls.miniature if own else None)


class _ModelTests:
    """The base class for models."""

    kind: ClassVar[str]
    name: ClassVar[str | ModelSpec | nn.Module]
    options: ClassVar[Mapping[str, Any]] = {}
    weights: ClassVar[str | Path | None] = None
    exempt: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_exemptions(cls.exempt, MODEL_CHECKS[cls.kind])

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, tmp_path_factory: pytest.TempPathFactory) -> ModelSubject:
        """The model under test; all tests of the class share it."""
        folder = tmp_path_factory.mktemp("checks")
        return model_subject(cls.kind, cls.name, folder, options=cls.options, weights=cls.weights)


class ClassifierTests(_ModelTests):
    """One test for each check of the kit.

    ::

        class TestToyNet(ClassifierTests):
            name = "toy-net"

    Attributes:
        name: A registered model, a spec, or a model that is already built.
        options: Options of the factory, such as ``{"pathologies": ["Mass"]}`` for ``timm/...``.
        weights: None for random weights, "default" for the published ones, or the path of a file.
        exempt: Checks that cannot hold, each with the reason. Their tests are expected failures, and fail if the
            check passes.
    """

    kind = "classifier"


class AutoencoderTests(_ModelTests):
    """One test for each check of the kit; attributes as for ``ClassifierTests``."""

    kind = "autoencoder"


class SegmenterTests(_ModelTests):
    """One test for each check of the kit; attributes as for ``ClassifierTests``."""

    kind = "segmenter"


def _test(cls: type, name: str, check: Check) -> Callable[..., None]:
    def test(self: Any, subject: Any) -> None:
        result = run(name, check, subject, self.exempt.get(name))
        if result.status == "failed":
            pytest.fail(result.detail, pytrace=False)
        if result.status in ("not applicable", "not run"):
            pytest.skip(result.detail)
        if result.status == "exempt":
            pytest.xfail(result.detail)

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"{cls.__name__}.test_{name}"
    test.__doc__ = check.__doc__
    return test


_CLASSES: tuple[tuple[type, Mapping[str, Check]], ...] = (
    (DatasetTests, DATASET_CHECKS),
    *((cls, MODEL_CHECKS[cls.kind]) for cls in (ClassifierTests, AutoencoderTests, SegmenterTests)),
)
for _class, _checks in _CLASSES:
    for _name, _check in _checks.items():
        setattr(_class, f"test_{_name}", _test(_class, _name, _check))
