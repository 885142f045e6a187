"""Every picture is drawn without touching what is global."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def nothing_global_is_touched() -> Iterator[None]:
    """Neither rcParams nor the backend nor pyplot's figures."""
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
