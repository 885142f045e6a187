"""What is written: as a whole, by one process at a time, and swept after those that were killed."""

from xrv_core.assets.files.folders import ResultFolder
from xrv_core.assets.files.whole import alone, aside, beside, replacing, sha256_of, writing

__all__ = ["ResultFolder", "alone", "aside", "beside", "replacing", "sha256_of", "writing"]
