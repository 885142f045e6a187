"""What this plugin offers: `padchest`."""

from xrv_core import Asset, DatasetSpec, hookimpl

_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"

PADCHEST = DatasetSpec(
    name="padchest",
    title="PadChest (University of Alicante)",
    factory="xrv_padchest.dataset:PadChestDataset",
    miniature="xrv_padchest.miniature:write",
    licence="PadChest Dataset Research Use Agreement (non-commercial, no sharing)",
    citation=(
        "Bustos A, Pertusa A, Salinas JM, de la Iglesia-Vayá M. PadChest: A large chest x-ray image dataset with "
        "multi-label annotated reports. Medical Image Analysis 2020;66:101797. doi:10.1016/j.media.2020.101797"
    ),
    homepage="https://bimcv.cipf.es/bimcv-projects/padchest/",
    obtain=(
        "Ask for access at https://bimcv.cipf.es/bimcv-projects/padchest/, download and unpack the archives 0.zip to "
        "54.zip, and give the folder that holds them as imgpath; PNGs may lie in it directly or in any sub-folder."
    ),
    description=(
        "174 findings and 19 differential diagnoses of Spanish reports, 27 % assigned by physicians, the others by a "
        "neural network; here grouped to 28 labels by a table of terms. A finding that the report does not mention "
        "counts as absent. Hospital San Juan de Alicante, 2007 to 2017. 16-bit PNG. The counts are of the images "
        "that can be read."
    ),
    pathologies=(
        "Air Trapping",
        "Aortic Atheromatosis",
        "Aortic Elongation",
        "Atelectasis",
        "Bronchiectasis",
        "Cardiomegaly",
        "Consolidation",
        "Costophrenic Angle Blunting",
        "Edema",
        "Effusion",
        "Emphysema",
        "Fibrosis",
        "Flattened Diaphragm",
        "Fracture",
        "Granuloma",
        "Hemidiaphragm Elevation",
        "Hernia",
        "Hilar Enlargement",
        "Infiltration",
        "Mass",
        "Nodule",
        "Pleural_Thickening",
        "Pneumonia",
        "Pneumothorax",
        "Scoliosis",
        "Support Devices",
        "Tube",
        "Tuberculosis",
    ),
    views=("AP", "AP Supine", "COSTAL", "EXCLUDE", "L", "PA", "UNKNOWN"),
    images=160_840,
    images_frontal=110_615,
    patients=67_619,
    region="Spain",
    tables=(
        Asset(
            name=f"padchest/{_TABLE}",
            urls=(
                "https://raw.githubusercontent.com/mlmed/torchxrayvision/f4087a0b0d0cdc6a5877fb5456965b6d29adb1e5"
                f"/torchxrayvision/data/{_TABLE}",
            ),
            sha256="34a10144a87fe00c176f23f9aa174a10137fd425882b09d8fb012ab817d99d65",
            size=17_366_030,
        ),
    ),
    terms="Research only: do not share the data, and do not try to identify anybody.",
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [PADCHEST]
