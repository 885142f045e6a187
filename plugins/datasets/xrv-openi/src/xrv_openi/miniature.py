"""Synthetic patients in the official layout: for tests, docs and demos. Numbers from 90,000 on are invented."""

from __future__ import annotations

import csv
import gzip
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_HEADER = (
    "imageid,Accession Number,Acquisition Device Processing Code,Approval Status,Bits Allocated,Bits Stored,"
    "Body Part Examined,Cassette Orientation,Cassette Size,Collimator/grid Name,Columns,Contrast/Bolus Agent,"
    "Contrast/Bolus Total Dose,Contrast/Bolus Volume,Exposure,Exposures on Plate,Filter Type,Focal Spot(s),High Bit,"
    "Image Type,Imager Pixel Spacing,Instance Creation Date,Instance Creation Time,Instance Number,KVP,"
    "LUT Descriptor,LUT Explanation,Laterality,Manufacturer,Modality,Patient ID,Patient Orientation,Patient Position,"
    "Patient's Birth Date,Patient's Name,Patient's Sex,Photometric Interpretation,Pixel Representation,Pixel Spacing,"
    "Plate Type,Polarity,Private Creator,Referring Physician's Name,Requested Procedure ID,Rescale Intercept,"
    "Rescale Slope,Rescale Type,Rows,SOP Class UID,SOP Instance UID,Samples per Pixel,Sensitivity,"
    "Series Instance UID,Series Number,Source Number,Source Type,Specific Character Set,Study Date,Study ID,"
    "Study Instance UID,Study Status ID,Study Time,View Position,filename,Study Priority ID,Anatomic Region Sequence,"
    "Burned In Annotation,Code Meaning,Code Value,Coding Scheme Designator,Collimator Left Vertical Edge,"
    "Collimator Lower Horizontal Edge,Collimator Right Vertical Edge,Collimator Shape,"
    "Collimator Upper Horizontal Edge,Content Date,Content Time,Date of Last Detector Calibration,"
    "Detector Manufacturer Name,Detector Manufacturer's Model Name,Detector Mode,Detector Temperature,"
    "Detector Time Since Last Exposure,Detector Type,Distance Source to Detector,Distance Source to Patient,"
    "Entrance Dose,Estimated Radiographic Magnification Factor,Exposure Control Mode,Exposure Dose Sequence,"
    "Exposure Time,Exposure Time in uS,Exposure in uAs,Field of View Horizontal Flip,Field of View Origin,"
    "Field of View Rotation,Film Consumption Sequence,Filter Material,Grid,Image Laterality,"
    "Image and Fluoroscopy Area Dose Product,Issue Date of Imaging Service Request,Lossy Image Compression,"
    "Performed Procedure Step Start Date,Performed Procedure Step Start Time,Performed Procedure Step Status,"
    "Pixel Intensity Relationship,Pixel Intensity Relationship Sign,Positioner Type,Presentation Intent Type,"
    "Presentation LUT Shape,Reason for the Requested Procedure,Relative X-Ray Exposure,Requested Procedure Priority,"
    "Spatial Resolution,Time of Last Detector Calibration,Total Number of Exposures,Window Center,Window Width,"
    "Breed Registration Sequence,Quality Control Image,Window Center & Width Explanation,Acquisition Number,"
    "Date of Last Calibration,Detector Conditions Nominal Flag,Grid Focal Distance,X-Ray Tube Current,"
    "Generator Power,Postprocessing Function,Processing Function,Time of Last Calibration,Images in Acquisition,"
    "Largest Image Pixel Value,Smallest Image Pixel Value,Comments on Radiation Dose,Conversion Type,"
    "Detector Active Dimension(s),Detector Active Shape,Detector Binning,Detector Configuration,"
    "Detector Element Physical Size,Detector Element Spacing,Exposure Control Mode Description,"
    "Field of View Dimension(s),Field of View Shape,Filter Thickness Maximum,Filter Thickness Minimum,"
    "Patient Gantry Relationship Code Sequence,Patient Orientation Code Sequence,Positioner Secondary Angle,"
    "Vertices of the Polygonal Collimator,View Code Sequence,View Modifier Code Sequence,"
    "Annotation Display Format ID,Border Density,Film Orientation,Image Display Format,Trim,,Context Group Version,"
    "Context Identifier,Mapping Resource,Pixel Aspect Ratio,Anode Target Material,Body Part Thickness,"
    "Compression Force,Entrance Dose in mGy,Phototimer Setting,Positioner Primary Angle,Number of Frames,"
    "Date of Secondary Capture,Secondary Capture Device ID,Secondary Capture Device Manufacturer,"
    "Secondary Capture Device Manufacturer's Model Name,Secondary Capture Device Software Versions,"
    "Time of Secondary Capture"
)
_XML = """\
<?xml version="1.0" encoding="utf-8"?>
<eCitation>
   <meta type="rr"/>
   <uId id="{uid}"/>
   <pmcId id="{number}"/>
   <docSource>CXR</docSource>
   <MedlineCitation Owner="Indiana University" Status="supplied by publisher">
      <Article PubModel="Electronic">
         <Abstract>
            <AbstractText Label="COMPARISON">None.</AbstractText>
            <AbstractText Label="INDICATION">{indication}</AbstractText>
            <AbstractText Label="FINDINGS">{findings}</AbstractText>
            <AbstractText Label="IMPRESSION">A drawing.</AbstractText>
         </Abstract>
      </Article>
   </MedlineCitation>
   <MeSH>
{mesh}
   </MeSH>
{images}
</eCitation>
"""
_IMAGE = """\
   <parentImage id="{imageid}">
      <figureId>F{number}</figureId>
      <caption>Xray Chest PA and Lateral</caption>
      <panel type="single"><url>/hadoop/storage/radiology/extract/{imageid}.jpg</url></panel>
   </parentImage>"""


class _Report(NamedTuple):
    number: int
    findings: str
    major: str
    automatic: str
    views: str  # of its images, as in the DICOM headers; "-" where they are silent
    dates: str  # of the study and of birth


_REPORTS = (
    _Report(90001, "Normal.", "normal", "", "PA LL", "20110328 19550820"),
    _Report(
        90002,
        "Large heart. Opacities of both bases. No pneumonia.",
        "Cardiomegaly/mild|Opacity/lung/base/bilateral|Fractures, Bone/ribs/left/healed",
        "opacity|pneumonia|rib fracture|Cardiomegaly|Pneumonia",
        "AP LATERAL",
        "20111122 19401001",
    ),
    _Report(
        90003, "Hyperinflation.", "Cystic Fibrosis", "cystic fibrosis|Cystic Fibrosis", "PA -", "20120219 19880704"
    ),
    _Report(90004, "Nodule over the rib.", "No Indexing", "nodule", "PA", "20120315 19790228"),
    _Report(
        90005, "Fluid round the heart.", "Pericardial Effusion|Nodule/thorax/left", "pericardial effusion", "-", ""
    ),
)


def write_openi(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Eight images of five reports; returns the arguments that open them."""
    paths = {
        "imgpath": folder / "NLMCXR_png",
        "csvpath": folder / "NLMCXR_reports.tgz",
        "dicomcsv": folder / "nlmcxr_dicom_metadata.csv.gz",
        "tsnecsv": folder / "nlmcxr_tsne_pa.csv.gz",
    }
    paths["imgpath"].mkdir(parents=True, exist_ok=True)
    with tarfile.open(paths["csvpath"], "w:gz") as archive:
        for report in _REPORTS:
            data = _xml(report).encode()
            member = tarfile.TarInfo(f"ecgen-radiology/{report.number}.xml")
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    images = [(i, v, report.dates) for report in _REPORTS for i, v in _images(report).items()]
    with gzip.open(paths["dicomcsv"], "wt", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, _HEADER.split(","))
        table.writeheader()
        for imageid, view, dates in images[:-1]:  # of some images there is no header
            study, birth = dates.split()
            row = {"View Position": view.strip("-"), "Study Date": study, "Patient's Birth Date": birth}
            table.writerow({"imageid": imageid, "Bits Stored": 12, **row})
    with gzip.open(paths["tsnecsv"], "wt", encoding="utf-8") as file:
        file.write("imageid,tsne-view\n")
        file.writelines(f"{i},{'PA' if v in ('PA', 'AP') else 'L'}\n" for i, v, _ in images[:-1])
    for number, (imageid, view, _) in enumerate(images):
        _draw(180 - 15 * number, frontal=view in ("PA", "AP")).save(paths["imgpath"] / f"{imageid}.png")
    return paths


def _images(report: _Report) -> dict[str, str]:
    """Name and view of a report's images."""
    return {f"CXR{report.number}_IM-0001-{n}001": view for n, view in enumerate(report.views.split(), 1)}


def _xml(report: _Report) -> str:
    terms = {"major": report.major, "automatic": report.automatic}
    return _XML.format(
        uid=f"CXR{report.number}",
        number=report.number,
        indication="To be drawn.",
        findings=report.findings,
        mesh="\n".join(f"      <{kind}>{t}</{kind}>" for kind, cell in terms.items() for t in cell.split("|") if t),
        images="\n".join(_IMAGE.format(imageid=i, number=n) for n, i in enumerate(_images(report), 1)),
    )


def _draw(body: int, *, frontal: bool) -> Any:
    """Two lungs from the front, one from the side."""
    return drawn_chest(80, 96, body=body, lungs=body // 3, boxes=None if frontal else [(28, 16, 50, 74)])
