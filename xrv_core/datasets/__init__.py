"""What dataset plugins are built on, and the tools for people who use datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.datasets.base import (
        ChexpertLabelled,
        FileDataset,
        Labelled,
        XrayDataset,
        check_dataset,
        chexpert_labels,
        collate,
        whole_number,
    )
    from xrv_core.datasets.description import Description, describe
    from xrv_core.datasets.harmonization import Harmonized, Vocabulary, harmonize
    from xrv_core.datasets.leakage import (
        LeakageReport,
        check_leakage,
        check_training_data,
        read_id_map,
        training_overlaps,
    )
    from xrv_core.datasets.masks import (
        Overlay,
        boxes_mask,
        check_shape,
        coco_rle,
        coco_rle_mask,
        fit_mask,
        grouped,
        shapes_mask,
        siim_rle,
        siim_rle_mask,
    )
    from xrv_core.datasets.pixels import (
        FoundImages,
        PixelRecipe,
        XRayCenterCrop,
        XRayResizer,
        apply_in_step,
        apply_transform,
        decode_image,
        dicom_headers,
        drawn_chest,
        find_images,
        image_suffixes,
        load_image,
        luminance,
        photometric,
        png_uri,
        scale_pixels,
        write_dicom,
    )
    from xrv_core.datasets.sampling import (
        ClassBalancedSampler,
        DomainBalancedSampler,
        PatientSampler,
        official_split,
        split,
        split_report,
    )
    from xrv_core.datasets.sources import (
        ImageSource,
        JsonElement,
        choose_extension,
        image_extension,
        parse_xml,
        read_json,
        release_folder,
    )
    from xrv_core.datasets.tables import (
        BLANK_WORDS,
        Index,
        ListedTerms,
        RowFile,
        age_in_years,
        coded_lists,
        common_columns,
        csv_line,
        dates_in,
        days_from_first,
        distinct_rows,
        joined,
        numbers_in,
        open_gzip,
        raw_cell,
        read_table,
        require_columns,
        row_place,
        safe_cell,
        substring_labels,
        table_path,
        term_labels,
        whole_days,
        write_csv,
    )
    from xrv_core.datasets.wrappers import (
        CovariateDataset,
        FilterDataset,
        MergeDataset,
        RelabelledDataset,
        Relabelling,
        SubsetDataset,
        View,
        relabel_dataset,
    )

_HOME = {
    "base": "ChexpertLabelled FileDataset Labelled XrayDataset check_dataset chexpert_labels collate whole_number",
    "description": "Description describe",
    "harmonization": "Harmonized Vocabulary harmonize",
    "leakage": "LeakageReport check_leakage check_training_data read_id_map training_overlaps",
    "masks": (
        "Overlay boxes_mask check_shape coco_rle coco_rle_mask fit_mask grouped shapes_mask siim_rle siim_rle_mask"
    ),
    "pixels": (
        "FoundImages PixelRecipe XRayCenterCrop XRayResizer apply_in_step apply_transform "
        "decode_image dicom_headers drawn_chest find_images image_suffixes load_image luminance photometric png_uri "
        "scale_pixels write_dicom "
    ),
    "sampling": "ClassBalancedSampler DomainBalancedSampler PatientSampler official_split split split_report",
    "sources": "ImageSource JsonElement choose_extension image_extension parse_xml read_json release_folder",
    "tables": (
        "BLANK_WORDS Index ListedTerms RowFile age_in_years coded_lists common_columns csv_line dates_in "
        "days_from_first distinct_rows joined numbers_in open_gzip raw_cell read_table require_columns row_place "
        "safe_cell substring_labels table_path term_labels whole_days write_csv "
    ),
    "wrappers": (
        "CovariateDataset FilterDataset MergeDataset RelabelledDataset Relabelling SubsetDataset View relabel_dataset "
    ),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

#: The 18 labels of torchxrayvision's core models, in the paper's order.
default_pathologies = [
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
]

#: The 13 findings of the CheXpert labeller, which CheXpert, MIMIC-CXR and BRAX have.
chexpert_pathologies = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
]

__all__ = [
    "BLANK_WORDS",
    "ChexpertLabelled",
    "ClassBalancedSampler",
    "CovariateDataset",
    "Description",
    "DomainBalancedSampler",
    "FileDataset",
    "FilterDataset",
    "FoundImages",
    "Harmonized",
    "ImageSource",
    "Index",
    "JsonElement",
    "Labelled",
    "LeakageReport",
    "ListedTerms",
    "MergeDataset",
    "Overlay",
    "PatientSampler",
    "PixelRecipe",
    "RelabelledDataset",
    "Relabelling",
    "RowFile",
    "SubsetDataset",
    "View",
    "Vocabulary",
    "XRayCenterCrop",
    "XRayResizer",
    "XrayDataset",
    "age_in_years",
    "apply_in_step",
    "apply_transform",
    "boxes_mask",
    "check_dataset",
    "check_leakage",
    "check_shape",
    "check_training_data",
    "chexpert_labels",
    "chexpert_pathologies",
    "choose_extension",
    "coco_rle",
    "coco_rle_mask",
    "coded_lists",
    "collate",
    "common_columns",
    "csv_line",
    "dates_in",
    "days_from_first",
    "distinct_rows",
    "decode_image",
    "default_pathologies",
    "describe",
    "dicom_headers",
    "drawn_chest",
    "find_images",
    "fit_mask",
    "grouped",
    "harmonize",
    "image_suffixes",
    "joined",
    "load_image",
    "luminance",
    "numbers_in",
    "official_split",
    "open_gzip",
    "parse_xml",
    "photometric",
    "png_uri",
    "raw_cell",
    "read_id_map",
    "read_json",
    "read_table",
    "relabel_dataset",
    "release_folder",
    "image_extension",
    "require_columns",
    "row_place",
    "safe_cell",
    "scale_pixels",
    "shapes_mask",
    "siim_rle",
    "siim_rle_mask",
    "split",
    "split_report",
    "substring_labels",
    "table_path",
    "term_labels",
    "training_overlaps",
    "whole_days",
    "whole_number",
    "write_csv",
    "write_dicom",
]


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)


def __dir__() -> list[str]:
    return sorted(__all__)
