"""How many functions of ours one runs through to open a dataset and to read an item."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import xrv_core
import xrv_nih

CORE = Path(xrv_core.__file__).parent
OURS = (f"{CORE}/", f"{Path(xrv_nih.__file__).parent}/")
#: Functions that the kernel (catalogue, registry, terms, api) runs to find and call a factory.
KERNEL = 10


def steps(call: Callable[[], Any]) -> set[str]:
    """The functions of the core and of the plugin that ``call`` runs; comprehensions are part of their function."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS) and not code.co_name.startswith("<"):
            found.add(f"{code.co_filename}:{code.co_qualname}")

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def in_kernel(found: set[str]) -> set[str]:
    return {step for step in found if step.startswith(f"{CORE}/") and "/" not in step.removeprefix(f"{CORE}/")}


def test_few_functions_open_a_dataset_and_read_an_item(tmp_path: Path) -> None:
    given = xrv_core.miniature("nih", tmp_path)
    given.pop("boxes")
    dataset = xrv_core.get_dataset("nih", **given)
    dataset[0]  # what is imported or looked up once is not counted
    opening = steps(lambda: xrv_core.get_dataset("nih", **given))
    assert len(opening) <= 40, sorted(opening)
    assert len(in_kernel(opening)) <= KERNEL, sorted(in_kernel(opening))
    item = steps(lambda: dataset[0])
    assert len(item) <= 25, sorted(item)
    assert not in_kernel(item)


def test_few_functions_read_an_item_with_masks_and_a_transform(tmp_path: Path) -> None:
    crop = xrv_core.datasets.XRayCenterCrop()
    dataset = xrv_core.get_dataset("nih", **xrv_core.miniature("nih", tmp_path), pathology_masks=True, transform=crop)
    dataset[0]
    item = steps(lambda: dataset[0])
    assert len(item) <= 34, sorted(item)
