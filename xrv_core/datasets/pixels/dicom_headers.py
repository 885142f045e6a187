"""Read the headers of many DICOM files, and write small DICOM files for miniatures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.pixels.codecs import import_pydicom
from xrv_core.datasets.pixels.inflating import read_dataset
from xrv_core.datasets.sources import ImageSource
from xrv_core.errors import ArgumentError, ImageError, reading

__all__ = ["dicom_headers", "write_dicom"]


def dicom_headers(source: ImageSource | None, names: Sequence[str], keywords: Sequence[str]) -> pd.DataFrame:
    """Read the headers of DICOM files without decoding their pixels; a terminal shows a progress bar.

    Args:
        source: The images; None raises ArgumentError.
        names: N file names in ``source``.
        keywords: DICOM keywords, such as ``("PatientAge", "ViewPosition")``.

    Returns:
        N rows, with one column of str for each keyword; NA where the value is absent or blank.

    Raises:
        ArgumentError: There are no images, or their names do not end in .dcm or .dicom.
        ImageMissing: A file does not exist.
        ImageError: A file is not DICOM, or its header is damaged.
        MissingDependency: pydicom is not installed.
    """
    if source is None or not all(name.lower().endswith((".dcm", ".dicom")) for name in names):
        raise ArgumentError(
            "read_headers=True needs the DICOM files: pass their folder or archive as imgpath, or omit read_headers."
        )
    from tqdm import tqdm

    shown = tqdm(names, desc="DICOM headers", unit=" files", disable=None)
    return pd.DataFrame([_header(source, name, keywords) for name in shown], columns=list(keywords), dtype="str")


def write_dicom(path: Path, pixels: NDArray[Any], **tags: Any) -> None:
    """Write one uncompressed grey image as a secondary capture; the bytes are reproducible.

    Args:
        path: The file; its folder is created.
        pixels: uint8 or uint16 ``[H, W]``.
        **tags: DICOM keywords and values; they replace those that follow from ``pixels``.
    """
    import_pydicom(str(path))
    from pydicom.config import IGNORE
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    bits = 8 * pixels.dtype.itemsize
    number = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:15], "big")
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = SecondaryCaptureImageStorage, f"2.25.{number}"
    header.Modality = "CR"
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = pixels.shape
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = bits, bits, bits - 1, 0
    for (
        keyword,
        value,
    ) in tags.items():  # not validated: public files have ages such as "62", which the standard forbids
        header.add(DataElement(tag_for_keyword(keyword), dictionary_VR(keyword), value, validation_mode=IGNORE))
    header.HighBit = header.BitsStored - 1
    little = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    header.add_new("PixelData", "OB" if bits == 8 else "OW", little.tobytes() + b"\0" * (little.nbytes % 2))
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def _header(source: ImageSource, name: str, keywords: Sequence[str]) -> list[Any]:
    """The value of each keyword in one file."""
    where = f"{source.root}/{name}"
    import_pydicom(where)
    path = source.root / source.resolve(name)
    file: Any = path if path.is_file() else BytesIO(source.read(name))
    todo = "Download or copy the file again, or open the dataset without reading headers."
    with reading(f"{where}: the DICOM header of this file", ImageError, todo):
        with path.open("rb") if file is path else file as stream:
            header = read_dataset(stream, stop_before_pixels=True, specific_tags=list(keywords))
        return [_text(header.get_item(keyword)) for keyword in keywords]


def _text(element: Any) -> Any:
    """A header element as text; NA if it is absent or blank.

    Raw bytes are decoded here, because pydicom warns about every value that violates the standard.
    """
    value = getattr(element, "value", None)
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0") or pd.NA
