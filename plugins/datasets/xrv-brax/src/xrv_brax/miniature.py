"""Synthetic patients in the official layout: for tests, docs and demos. The ids are invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_HEADER = (
    ",DicomPath,PngPath,PatientID,PatientSex,PatientAge,AccessionNumber,StudyDate,No Finding,"
    "Enlarged Cardiomediastinum,Cardiomegaly,Lung Lesion,Lung Opacity,Edema,Consolidation,Pneumonia,Atelectasis,"
    "Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices,ViewPosition,Rows,Columns,Manufacturer"
)
# patient, sex, age, study, date, 14 labels, view, rows, columns
_ROWS = """\
toy-a,F,40,1,1970-01-01 00:00:00.020130105,1.0,,,,,,,,,,,,,,PA,96,80
toy-a,F,40,1,1970-01-01 00:00:00.020130105,1.0,,,,,,,,,,,,,,LL,96,80
toy-b,M,85 or more,2,1970-01-01 00:00:00.020121231,,,1.0,,-1.0,,,,,,1.0,,,1.0,AP,80,96
toy-b,M,85 or more,3,1970-01-01 00:00:00.020120408,1.0,0.0,,,,,,,,0.0,0.0,,,1.0,,80,96
toy-c,O,15,4,1970-01-01 00:00:00.020140707,,,,1.0,,,,-1.0,,,,1.0,0.0,,PA,96,96
toy-c,O,15,4,1970-01-01 00:00:00.020140707,,,,1.0,,,,-1.0,,,,1.0,0.0,,,8,96
""".splitlines()


def write(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Six images of three patients, one of them a thin strip; returns the arguments that open them."""
    lines = [_HEADER]
    for number, row in enumerate(_ROWS):
        patient, sex, age, study, date, *rest = row.split(",")
        path = f"id_{patient}/Study_{study}.9/Series_{study}.9.1/image-{study}.9.1.{number}"
        lines.append(
            f"{number},Anonymized_DICOMs/{path}.dcm,images/{path}.png,{patient},{sex},{age},{study}00,{date},"
            f"{','.join(rest)},1"
        )
        file = folder / f"images/{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        drawn_chest(int(rest[-1]), int(rest[-2]), body=200 - 10 * number, lungs=60 + 5 * number).save(file)
    table = folder / "master_spreadsheet_update.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"imgpath": folder / "images", "csvpath": table}
