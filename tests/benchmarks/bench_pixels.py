"""Pixels beside torchxrayvision: decoding, resizing, and the whole load + crop + resize, on one thread each.

Images are made here, with the size and roughly the grain of a radiograph; results are compared as well as timed.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from xrv_core.datasets import XRayCenterCrop, XRayResizer, load_image
from xrv_core.torchvision_guard import import_torchvision

import_torchvision()
import torchxrayvision  # noqa: E402

RUNS = 9


def radiograph(height: int, width: int) -> np.ndarray:
    """uint8 ``[H, W]``: broad shapes, fine structure and noise; a PNG of 1024 x 1024 takes half a megabyte."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lungs = np.exp(-(((np.abs(x) - 0.45) / 0.25) ** 2) - ((y + 0.1) / 0.5) ** 2)
    ribs = np.sin(14 * (y - 0.4 * np.abs(x)) * np.pi) * lungs
    return np.clip(190 - 130 * lungs + 18 * ribs + rng.normal(0, 1.5, (height, width)), 0, 255).astype(np.uint8)


def write_dicom(pixels: np.ndarray, path: Path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelData = (pixels.astype(np.uint16) * 16).tobytes()
    ds["PixelData"].VR = "OW"
    ds.save_as(path, enforce_file_format=True)


def compare(name: str, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray]) -> None:
    """Time both in turns, so that a noisy minute hits both, and print their ratio and largest difference."""
    difference = np.abs(ours().astype(np.float64) - theirs()).max()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for run, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            run()
            kept.append(time.perf_counter() - start)
    us, them = (1000 * statistics.median(t) for t in times)
    print(f"{name:<34}{us:8.1f} ms {them:10.1f} ms {them / us:8.1f} x   {difference:.1e}")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    read, resize = torchxrayvision.utils.load_image, torchxrayvision.datasets.XRayResizer(224)
    crop = torchxrayvision.datasets.XRayCenterCrop()
    our_crop, our_resize = XRayCenterCrop(), XRayResizer(224)
    print(f"{'':<34}{'xrv-core':>11} {'torchxrayvision':>13} {'faster':>9}   largest difference of 2048")
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "1024.png"), Path(folder, "2500x2000.jpg")
        dicom = Path(folder, "2500x2000.dcm")
        Image.fromarray(radiograph(1024, 1024)).save(small)
        Image.fromarray(radiograph(2500, 2000)).save(large, quality=92)
        write_dicom(radiograph(2500, 2000), dicom)
        for path in (small, large, dicom):
            compare(f"decode {path.name}", lambda p=path: load_image(p), lambda p=path: read(str(p)))
        for path in (small, large):
            image = load_image(path)
            compare(f"resize {path.stem} -> 224", lambda x=image: our_resize(x), lambda x=image: resize(x))
        for path in (small, large, dicom):
            compare(
                f"load + crop + resize {path.name}",
                lambda p=path: our_resize(our_crop(load_image(p))),
                lambda p=path: resize(crop(read(str(p)))),
            )


if __name__ == "__main__":
    main()
