"""Map the labels of several datasets to one vocabulary (``labels.toml``)."""

from __future__ import annotations

from xrv_core.datasets.harmonization.harmonized import Harmonized, harmonize
from xrv_core.datasets.harmonization.vocabulary import Vocabulary

__all__ = ["Harmonized", "Vocabulary", "harmonize"]
