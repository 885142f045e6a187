"""Synthetic patients in the official layout: for tests, docs and demos. The numbers are invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest
from xrv_padchest.terms import broken_files

_WIDTH, _HEIGHT = 80, 96
_HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,"
    "MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,PhotometricInterpretation_DICOM,"
    "PixelRepresentation_DICOM,PixelAspectRatio_DICOM,SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,"
    "WindowWidth_DICOM,Rows_DICOM,Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,LabelsLocalizationsBySentence,"
    "labelCUIS,LocalizationsCUIS"
)
# image, folder, date, study, patient, birth, sex, projection, terms
_ROWS = """\
1_a|0|20140915|1|1|1930|F|PA|normal
1_b|0|20140915|1|1|1930|F|L|normal
2_a|0|20150914|2|2|1929|M|PA|pulmonary fibrosis, chronic changes, kyphosis, pseudonodule, ground glass pattern
3_a|12|20151001|3|2|1929|M|AP_horizontal|endotracheal tube, central venous catheter via jugular vein, unchanged
4_a|12|20100101|4|3|1960|M|PA|callus rib fracture, , cardiomegaly
4_b|12|20100101|4|3|1960|M|COSTAL|rib fracture, hydropneumothorax, subcutaneous emphysema
5_a|12|20110101|5|3|1960|M|PA|unchanged
6_a|54|20120303|6|4|2010|F|AP|pneumonia, alveolar pattern
7_a|54|20120304|7|5||O|UNK|
8_a|54|20120305|8|6|1950|F|PA|None
broken|54|20120306|9|6|1950|F|PA|nodule
""".splitlines()
_PATIENT = "90000000000000000000000000000000000000"  # 39 digits with the last, as many real ones: too long for int64


def write(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Eleven rows of six patients, of which one image is broken; returns the arguments that open them."""
    lines = [_HEADER]
    for number, row in enumerate(_ROWS):
        image, place, date, study, patient, birth, sex, projection, terms = row.split("|")
        name = min(broken_files()) if image == "broken" else f"{_PATIENT}{image}.png"
        listed = [] if terms == "None" else [repr([term.strip(" ") for term in terms.split(",")])]
        labels = f'"{listed[0]}"' if listed else ""
        lines.append(
            f"{number},{name},{place},{date},{_PATIENT}{study},{_PATIENT}{patient},{birth and birth + '.0'},{sex},,"
            f"{projection},Manual review of DICOM fields,No,CR,ImagingDynamicsCompanyLtd,MONOCHROME2,0,None,None,12,"
            f"2092,2251,{_HEIGHT},{_WIDTH},250,2,2500,10,-1.42,{number}, . ,Physician,{labels},[],[],[],[]"
        )
        _draw(folder / f"images/{place}/{name}", number, broken=image == "broken")
    table = folder / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"imgpath": folder / "images", "csvpath": table}


def _draw(path: Path, number: int, *, broken: bool) -> None:
    """A chest in 16 bits, darker with every image; the broken one ends after its header."""
    chest = drawn_chest(
        _WIDTH, _HEIGHT, body=60_000 - 1_000 * number, lungs=15_000 + 111 * number, background=300, mode="I;16"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    chest.save(path)
    if broken:
        path.write_bytes(path.read_bytes()[:60])
