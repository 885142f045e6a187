"""The contract of datasets, over the miniature."""

from __future__ import annotations

from typing import ClassVar

from xrv_core.testing import DatasetTests


class TestRALO(DatasetTests):
    """Every check of the conformance kit."""

    name = "ralo"
    exempt: ClassVar = {
        "label_values": "its labels are severity scores from 0 to 8",
        "alignment": "row i of its table scores the image i.jpg, so a table in another order is another dataset",
    }
