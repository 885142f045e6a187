"""``xrv.datasets``: torchxrayvision's datasets, views and transforms on those of xrv-core."""

from __future__ import annotations

from xrv_compat.base import Dataset
from xrv_compat.old import INCLUDED as USE_INCLUDED_FILE
from xrv_compat.registered import dataset_class
from xrv_compat.transforms import ToPILImage, XRayCenterCrop, XRayResizer, apply_transforms
from xrv_compat.utils import normalize
from xrv_compat.views import CovariateDataset, FilterDataset, MergeDataset, SubsetDataset, relabel_dataset
from xrv_core.datasets import default_pathologies

__all__ = [
    "BRAX_Dataset",
    "COVID19_Dataset",
    "CheX_Dataset",
    "CheXlocalize_Dataset",
    "CovariateDataset",
    "Dataset",
    "FilterDataset",
    "MIMIC_Dataset",
    "MergeDataset",
    "Merge_Dataset",
    "NIH_Dataset",
    "NIH_Google_Dataset",
    "NLMTB_Dataset",
    "ObjectCXR_Dataset",
    "Openi_Dataset",
    "PC_Dataset",
    "RSNA_Pneumonia_Dataset",
    "SIIM_Pneumothorax_Dataset",
    "StonyBrookCOVID_Dataset",
    "SubsetDataset",
    "TBX11K_Dataset",
    "ToPILImage",
    "USE_INCLUDED_FILE",
    "VinBrain_Dataset",
    "VinDr_Dataset",
    "XRayCenterCrop",
    "XRayResizer",
    "apply_transforms",
    "default_pathologies",
    "normalize",
    "relabel_dataset",
]

NIH_Dataset = dataset_class("NIH_Dataset")
RSNA_Pneumonia_Dataset = dataset_class("RSNA_Pneumonia_Dataset")
NIH_Google_Dataset = dataset_class("NIH_Google_Dataset")
PC_Dataset = dataset_class("PC_Dataset")
CheX_Dataset = dataset_class("CheX_Dataset")
CheXlocalize_Dataset = dataset_class("CheXlocalize_Dataset")
MIMIC_Dataset = dataset_class("MIMIC_Dataset")
BRAX_Dataset = dataset_class("BRAX_Dataset")
Openi_Dataset = dataset_class("Openi_Dataset")
COVID19_Dataset = dataset_class("COVID19_Dataset")
NLMTB_Dataset = dataset_class("NLMTB_Dataset")
TBX11K_Dataset = dataset_class("TBX11K_Dataset")
SIIM_Pneumothorax_Dataset = dataset_class("SIIM_Pneumothorax_Dataset")
VinDr_Dataset = VinBrain_Dataset = dataset_class("VinDr_Dataset")
StonyBrookCOVID_Dataset = dataset_class("StonyBrookCOVID_Dataset")
ObjectCXR_Dataset = dataset_class("ObjectCXR_Dataset")

Merge_Dataset = MergeDataset
