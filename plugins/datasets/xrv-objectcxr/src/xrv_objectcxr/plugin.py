"""What this plugin offers: `objectcxr`."""

from xrv_core import DatasetSpec, hookimpl

OBJECTCXR = DatasetSpec(
    name="objectcxr",
    title="Object-CXR: foreign objects on chest X-rays",
    factory="xrv_objectcxr.dataset:ObjectCXRDataset",
    miniature="xrv_objectcxr.miniature:write_objectcxr",
    licence="CC BY-NC 4.0",
    citation=(
        "JF Healthcare. Object-CXR: automatic detection of foreign objects on chest X-rays. MIDL 2020 challenge. "
        "https://jfhealthcare.github.io/object-CXR/"
    ),
    homepage="https://jfhealthcare.github.io/object-CXR/",
    obtain=(
        "Download train.zip with train.csv, and dev.zip with dev.csv, from "
        "https://academictorrents.com/details/fdc91f11d7010f7259a05403fc9d00079a09f5d5 or "
        "https://archive.org/download/object-CXR/object-CXR/; give one zip, packed as it is, as imgpath and its csv as "
        "csvpath."
    ),
    description=(
        "Frontal X-rays from about 300 township hospitals in China, half of them with foreign objects in the lung "
        "field, such as buttons and necklaces. Radiologists drew a rectangle, an ellipse or a polygon round each; "
        "support devices were left out. 8,000 images to train, 1,000 to validate (dev), JPEG."
    ),
    pathologies=("Foreign Object",),
    views=("UNKNOWN",),
    images=9_000,
    images_frontal=9_000,
    region="China",
    masks=("rectangles", "ellipses", "polygons"),
    terms="Not for commercial use; name JF Healthcare as the source.",
)


@hookimpl
def xrv_datasets() -> list[DatasetSpec]:
    """The datasets of this plugin."""
    return [OBJECTCXR]
