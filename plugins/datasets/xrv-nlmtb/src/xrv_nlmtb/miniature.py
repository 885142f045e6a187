"""Synthetic patients in the official layout: for tests, docs and demos. Numbers from 9,001 on are invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_MONTGOMERY = {
    "MCUCXR_9001_0": "Patient's Sex: F \nPatient's Age: 027Y\nnormal",
    "MCUCXR_9002_0": "Patient's Sex: O \nPatient's Age: 005Y\nnormal",
    "MCUCXR_9003_1": "Patient's Sex: M \nPatient's Age: 049Y\ninfiltrate in the left upper lobe",
    "MCUCXR_9004_1": "Patient's Sex: M \nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_9003_1)",
}
_SHENZHEN = {
    "CHNCXR_9001_0": "male 45yrs\nnormal",
    "CHNCXR_9002_0": "female 16month\nnormal",
    "CHNCXR_9003_1": "femal 32yrs\nbilateral PTB",
    "CHNCXR_9004_1": "male , 29yrs  \t\nSTB, 1. right upper field",
}
_LEFT, _RIGHT = (58, 20, 84, 84), (16, 20, 42, 84)  # the patient's, so the left lung is on the right


def write_nlmtb(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Four images of each set, with readings and masks; returns the arguments that open both."""
    for root, readings in (("MontgomerySet", _MONTGOMERY), ("ChinaSet_AllFiles", _SHENZHEN)):
        for number, (stem, reading) in enumerate(readings.items()):
            image = _draw(190 - 20 * number, 60, _LEFT, _RIGHT)
            if root == "ChinaSet_AllFiles":
                image = image.convert("RGB")  # as the real ones are
            _save(image, folder / root / "CXR_png" / f"{stem}.png")
            text = folder / root / "ClinicalReadings" / f"{stem}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(reading, encoding="utf-8")
    for stem in _MONTGOMERY:
        for side, box in (("left", _LEFT), ("right", _RIGHT)):
            _save(_draw(0, 255, box), folder / "MontgomerySet/ManualMask" / f"{side}Mask" / f"{stem}.png")
    for stem in list(_SHENZHEN)[:2]:  # there are masks for some only
        _save(_draw(0, 255, _LEFT, _RIGHT), folder / "ChinaSet_AllFiles/mask" / f"{stem}_mask.png")
    return {"imgpath": folder}


def _save(image: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _draw(body: int, lung: int, *lungs: tuple[int, int, int, int]) -> Any:
    return drawn_chest(100, 104, body=body, lungs=lung, boxes=lungs, background=0)
