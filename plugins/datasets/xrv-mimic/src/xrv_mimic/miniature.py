"""Synthetic patients in the official layout: for tests, docs and demos. No real subject_id begins with 99."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_SIZE = 96
_LABELS = """\
subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,\
Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices
99000001,59000011,,,,,,,,,1.0,,,,,
99000001,59000012,,,,,,,,,1.0,,,,,1.0
99000002,59000021,1.0,,,-1.0,,,,1.0,,0.0,,-1.0,0.0,1.0
99000002,59000022,,1.0,0.0,,,,1.0,,,1.0,,,,
99000003,59000031,,,,1.0,,1.0,,,,,1.0,,1.0,
"""
_METADATA = """\
dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,\
ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning
{0}-00000001,99000001,59000011,{2},PA,3056,2544,21800506,213014.531,{2},postero-anterior,Erect
{0}-00000002,99000001,59000011,{2},LATERAL,3056,2544,21800506,213014.531,{2},lateral,Erect
{0}-00000003,99000001,59000012,{1},AP,2544,3056,21800626,165500.312,{1},antero-posterior,
{0}-00000004,99000002,59000022,{1},AP,2544,3056,21510201,081500.000,{1},antero-posterior,
{0}-00000005,99000002,59000021,{2},PA,3056,2544,21501230,235900.000,{2},postero-anterior,Erect
{0}-00000006,99000002,59000021,{2},LL,3056,2544,21501230,235900.000,{2},left lateral,Erect
{0}-00000007,99000003,59000031,CHEST (SINGLE VIEW),,2544,3056,21221111,120000.000,CHEST (SINGLE VIEW),,
{0}-00000008,99000004,59000041,{1},AP,2544,3056,21330303,030303.000,{1},antero-posterior,
""".format("0000000a-0000000b-0000000c-0000000d", "CHEST (PORTABLE AP)", "CHEST (PA AND LAT)")
_SPLIT_OF = {"99000001": "train", "99000002": "train", "99000003": "validate", "99000004": "test"}


def write(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Eight images of four patients, one without labels; returns the arguments that open them."""
    images = [row.split(",")[:3] for row in _METADATA.splitlines()[1:]]
    splits = [f"{dicom},{study},{patient},{_SPLIT_OF[patient]}" for dicom, patient, study in images]
    _draw_all([f"files/p{p[:2]}/p{p}/s{s}/{dicom}.jpg" for dicom, p, s in images], folder)
    return {
        "imgpath": folder / "files",
        "csvpath": _write(folder / "mimic-cxr-2.0.0-chexpert.csv.gz", _LABELS),
        "metadata": _write(folder / "mimic-cxr-2.0.0-metadata.csv.gz", _METADATA),
        "splits": _write(
            folder / "mimic-cxr-2.0.0-split.csv.gz", "\n".join(["dicom_id,study_id,subject_id,split", *splits, ""])
        ),
    }


def _draw_all(names: list[str], folder: Path) -> None:
    """For each name a body with two lungs, darker with every image."""
    for number, name in enumerate(names):
        image = drawn_chest(_SIZE, _SIZE, body=200 - 10 * number, lungs=60 + 5 * number)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name, quality=95)


def _write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path
