"""The dataset classes of torchxrayvision 1.5.7."""

from __future__ import annotations

from typing import Any

from xrv_compat.old import INCLUDED, REQUIRED, OldDataset, listed

__all__ = ["OLD_DATASETS"]

_REAL_ROW = "unique_patients keeps one real row (torchxrayvision mixes the cells of several images)"
_BOXES = "if images are not 1024 x 1024, a box covers the pixels whose centres are in it (torchxrayvision: one less)"


def _row(name: str, more: str = "", *, arguments: dict[str, Any], **facts: Any) -> OldDataset:
    """A dataset whose ``new`` has torchxrayvision's defaults."""
    known = facts.get("views", {})
    views = arguments.get("views")
    asked = f", views={[known.get(view, view) for view in views]}" if views else ""
    asked += ", unique_patients=True" if "patient" in facts else ""
    new = f"xrv_core.get_dataset({name!r}, imgpath{more}{asked})"
    return OldDataset(name=name, new=new, arguments=arguments, **facts)


_TAIL: dict[str, Any] = {"transform": None, "data_aug": None, "seed": 0}
_FLAT: dict[str, Any] = {"transform": None, "data_aug": None, "flat_dir": True, "seed": 0, "unique_patients": True}
_ROWS: dict[str, Any] = {"transform": None, "data_aug": None, "nrows": None, "seed": 0}
_PA: dict[str, Any] = {"views": ["PA"]}
_OPEN: dict[str, Any] = {"imgpath": REQUIRED, "csvpath": INCLUDED}
_OWN: dict[str, Any] = {"imgpath": REQUIRED, "csvpath": REQUIRED}

OLD_DATASETS = {
    "NIH_Dataset": _row(
        "nih",
        ", csvpath, boxes=...",
        differs=f"{_BOXES}; with a csvpath of your own, has_masks is known if pathology_masks=True or bbox_list_path "
        "is given",
        image="Image Index",
        asks="get_mask_dict",
        arguments=_OPEN
        | {"bbox_list_path": INCLUDED}
        | _PA
        | _TAIL
        | {"unique_patients": True, "pathology_masks": False},
        renamed={"bbox_list_path": "boxes"},
        tables={"bbox_list_path": 1},
        needed=lambda given: bool(given["pathology_masks"]),
        patient="Patient ID",
    ),
    "RSNA_Pneumonia_Dataset": _row(
        "rsna",
        ", csvpath, dicomcsvpath",
        differs="patientid is NA (Kaggle's patientId stays, but it names an image); csv has no x, y, width, height; "
        f"{_BOXES}",
        image="patientId",
        asks="get_mask_dict",
        arguments=_OPEN | {"dicomcsvpath": INCLUDED} | _PA | _ROWS | {"pathology_masks": False, "extension": ".jpg"},
        order=("patientId",),
        every_mask=True,
    ),
    "NIH_Google_Dataset": _row(
        "nih-google",
        ", csvpath",
        differs="also has patientid, age_years and sex",
        image="Image Index",
        arguments=_OPEN | _PA | _ROWS | {"unique_patients": True},
        patient="Patient ID",
    ),
    "PC_Dataset": _row(
        "padchest",
        ", csvpath",
        differs=f"{_REAL_ROW}; age_years is the age at the study, not in 2017; offset_day_int counts from a patient's "
        "first study, not from 1970; two patients with contradictory years of birth stay",
        image="ImageID",
        arguments=_OPEN | _PA | _FLAT,
        patient="PatientID",
        by_patient=False,
        order=("ImageID",),
    ),
    "CheX_Dataset": _row(
        "chexpert",
        ", csvpath",
        differs=f"{_REAL_ROW}; csvpath may have any name; an age of 0 is NA; csv has no PatientID",
        image="Path",
        arguments=_OPEN | _PA | _FLAT,
        patient="patientid",
    ),
    "CheXlocalize_Dataset": _row(
        "chexlocalize",
        ", csvpath, segmentations=...",
        differs=f'{_REAL_ROW}; the view "Unknown" is "UNKNOWN" in csv; a label without a drawn pixel has no '
        "mask; masks have the shape of the image (torchxrayvision: a square)",
        image="Path",
        asks="get_mask_dict",
        arguments=_OWN
        | {"views": ["PA", "AP", "Unknown"]}
        | _TAIL
        | {"unique_patients": True, "pathology_masks": True, "segmentation_jsonpath": None},
        renamed={"segmentation_jsonpath": "segmentations"},
        views={"Unknown": "UNKNOWN"},
        patient="patientid",
    ),
    "MIMIC_Dataset": _row(
        "mimic",
        ", csvpath, metadata=...",
        differs=f"{_REAL_ROW}; offset_day_int counts days from a patient's first study (torchxrayvision: the number "
        "YYYYMMDD)",
        image="dicom_id",
        arguments=_OWN | {"metacsvpath": REQUIRED} | _PA | _TAIL | {"unique_patients": True},
        renamed={"metacsvpath": "metadata"},
        patient="subject_id",
        order=("subject_id", "study_id"),
    ),
    "BRAX_Dataset": _row(
        "brax",
        ", csvpath",
        image="PngPath",
        arguments=_OWN | _PA | _TAIL | {"unique_patients": True, "max_aspect_ratio": 10},
        patient="PatientID",
        by_patient=False,
    ),
    "Openi_Dataset": _row(
        "openi",
        ", csvpath, dicomcsv=...",
        differs="csv has mesh_major and mesh_automatic for labels_major and labels_automatic; lateral views are "
        '"L" in csv; age_years is known',
        image="imageid",
        arguments={"imgpath": REQUIRED, "xmlpath": INCLUDED, "dicomcsv_path": INCLUDED, "tsnepacsv_path": INCLUDED}
        | {"use_tsne_derived_view": False}
        | _PA
        | _ROWS
        | {"unique_patients": True},
        renamed={"xmlpath": "csvpath", "dicomcsv_path": "dicomcsv", "tsnepacsv_path": "tsnecsv"},
        unused=("nrows",),
        tables={"dicomcsv_path": 1},
        needed=lambda given: not given["use_tsne_derived_view"] and "*" not in listed(given["views"]),
        views={"LATERAL": "L", "LARGE LATERAL": "L"},
        patient="uid",
        shows=(),
    ),
    "COVID19_Dataset": _row(
        "covid19",
        ", csvpath",
        differs="CT images are left out; has_masks is known if semantic_masks=True",
        image="filename",
        asks="get_semantic_mask_dict",
        asks_shape=True,
        arguments=_OWN | {"views": ["PA", "AP"]} | _TAIL | {"semantic_masks": False},
    ),
    "NLMTB_Dataset": _row(
        "nlmtb",
        differs="labels are float32, not int64",
        image="fname",
        arguments={"imgpath": REQUIRED} | _TAIL | _PA,
    ),
    "TBX11K_Dataset": _row(
        "tbx11k",
        ", split=...",
        image="file_name",
        arguments={"imgpath": REQUIRED, "split": "train"} | _TAIL,
        shows=("data_aug",),
        keys=("bbox",),
        label_columns=True,
    ),
    "SIIM_Pneumothorax_Dataset": _row(
        "siim",
        ", csvpath",
        differs="one item per image, 12,047, with the union of its outlines (torchxrayvision: one per outline, 12,954, "
        "with only the last outline); csv has outlines, their number, instead of EncodedPixels",
        image="ImageId",
        asks="get_pathology_mask_dict",
        arguments=_OPEN | _TAIL | {"unique_patients": True, "pathology_masks": False},
        unused=("unique_patients",),
        options={"extension": ".dcm"},
        shows=("data_aug",),
    ),
    "VinDr_Dataset": _row(
        "vinbrain",
        ", csvpath, readers=...",
        differs="pixels are scaled from the window of the file (torchxrayvision guesses the bit depth)",
        image="image_id",
        asks="get_mask_dict",
        asks_shape=True,
        arguments=_OPEN | {"views": None} | _TAIL | {"pathology_masks": False},
        unused=("views",),
        options={"extension": ".dicom"},
        order=("image_id",),
    ),
    "StonyBrookCOVID_Dataset": _row(
        "ralo",
        ", csvpath",
        differs="offset_day_int counts from a patient's first image, not from 1970",
        image="image",
        arguments=_OWN | {"transform": None, "data_aug": None, "views": ["AP"], "seed": 0},
        shows=(),
        label_columns=True,
    ),
    "ObjectCXR_Dataset": _row(
        "objectcxr",
        ", csvpath",
        image="image_name",
        arguments={"imgzippath": REQUIRED, "csvpath": REQUIRED} | _TAIL,
        renamed={"imgzippath": "imgpath"},
    ),
}
