"""The contract of datasets, over the miniature."""

from __future__ import annotations

from xrv_core.testing import DatasetTests


class TestObjectCXR(DatasetTests):
    """Every check of the conformance kit."""

    name = "objectcxr"
