"""The contract of datasets, over the miniature."""

from __future__ import annotations

from xrv_core.testing import DatasetTests


class TestNLMTB(DatasetTests):
    """Every check of the conformance kit."""

    name = "nlmtb"
