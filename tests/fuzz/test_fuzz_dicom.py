"""Damaged DICOM files of every codec: pixels in [-1024, 1024], or an error of ours that names the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mutations import cases, damaged, untyped
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from tests.dicom_files import ENCODERS, NATIVE, dicom_file, picture
from xrv_core.datasets import ImageSource, PixelRecipe, decode_image, dicom_headers
from xrv_core.datasets.pixels import dicom

GREY = picture(4095).astype("u2")
BYTES = picture(255).astype("u1")
COLOUR = np.stack([BYTES, BYTES // 2, 255 - BYTES], axis=-1)
KEYWORDS = ("PatientAge", "PatientSex", "ViewPosition")


def tables(ds: Dataset) -> None:
    """A modality LUT, a VOI LUT, padding and an overlay."""
    for sequence in ("ModalityLUTSequence", "VOILUTSequence"):
        item = Dataset()
        item.add_new("LUTDescriptor", "US", [256, 0, 16])
        item.add_new("LUTData", "US", list(range(0, 65536, 256)))
        setattr(ds, sequence, [item])
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, 10
    ds.add_new((0x6000, 0x0102), "US", 15)


def window(ds: Dataset) -> None:
    ds.RescaleSlope, ds.RescaleIntercept = "-1.5", "1024"
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = ["40", "50"], ["400", "300"], "SIGMOID"


def palette(ds: Dataset) -> None:
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", np.arange(0, 65536, 256, dtype="<u2").tobytes())


def film(ds: Dataset) -> None:
    """Two frames."""
    ds.NumberOfFrames = 2
    if ds.file_meta.TransferSyntaxUID.is_encapsulated:
        ds.PixelData = encapsulate([get_frame(ds.PixelData, 0, number_of_frames=1)] * 2)
        ds["PixelData"].is_undefined_length = True
    else:
        ds.PixelData *= 2


def seeds() -> Iterator[tuple[str, bytes]]:
    """Every transfer syntax, and every way from stored values to grey."""
    for syntax in [*NATIVE, *ENCODERS, RLELossless]:
        values, bits = (BYTES, 8) if syntax == JPEGBaseline8Bit else (GREY, 12)
        yield syntax.name, dicom_file(values, syntax, stored=bits)
        yield f"{syntax.name} film", dicom_file(values, syntax, stored=bits, edit=film)
        if syntax in (*NATIVE, JPEGBaseline8Bit, RLELossless):
            yield f"{syntax.name} colour", dicom_file(COLOUR, syntax, kind="RGB")
    edits: dict[str, tuple[Callable[[Dataset], None], str]] = {
        "tables": (tables, "MONOCHROME2"),
        "window": (window, "MONOCHROME1"),
        "palette": (palette, "PALETTE COLOR"),
    }
    for name, (edit, kind) in edits.items():
        yield name, dicom_file(BYTES, kind=kind, edit=edit)
    for syntax in NATIVE[:2]:
        yield f"{syntax.name} bare", dicom_file(GREY, syntax, stored=12, preamble=False)


SEEDS = list(seeds())
RECIPES = (
    *(PixelRecipe(), PixelRecipe(frame=0), PixelRecipe(frame=1), PixelRecipe(voi_lut=True, padding="black")),
    PixelRecipe(modality_lut=True, fix_monochrome=False, frame=0),
)


def read(data: bytes, name: str, recipe: PixelRecipe) -> None:
    """Decode; pixels that are not on our scale are a fault as well."""
    pixels = decode_image(data, name, recipe)
    assert pixels.dtype == np.float32
    assert pixels.shape[0] == 1 < pixels.ndim == 3
    assert -1024.01 <= pixels.min() <= pixels.max() <= 1024.01, (pixels.min(), pixels.max())


def broken_file(data: bytes, seed: int) -> bytes:
    """A damaged file; every second one is damaged in its pixels only, which others seldom get to."""
    head, tag, pixels = data.rpartition(b"\xe0\x7f\x10\x00")
    return damaged(data, seed) if seed % 2 or not tag else head + tag + pixels[:20] + damaged(pixels[20:], seed)


def faults(seeds: list[int], files: list[tuple[str, bytes]]) -> list[str]:
    found = []
    for seed in seeds:
        kind, data = files[seed % len(files)]
        broken, recipe = broken_file(data, seed), RECIPES[seed // len(files) % len(RECIPES)]
        if fault := untyped(lambda d=broken, r=recipe: read(d, "folder/é x.dcm", r), "folder/é x.dcm"):
            found.append(f"seed {seed}, {kind}: {fault}")
    return found


@pytest.mark.parametrize(("kind", "data"), SEEDS, ids=[kind for kind, _ in SEEDS])
def test_the_seeds_are_read(kind: str, data: bytes) -> None:
    read(data, "x.dcm", PixelRecipe(frame=0))


@pytest.mark.filterwarnings("ignore")
def test_damaged_dicom() -> None:
    failures = faults(cases(0.15), SEEDS)
    assert not failures, (len(failures), failures[:5])


PLUGINS = sorted({
    (plugin, syntax)
    for syntax in [*ENCODERS, RLELossless]
    for plugin in get_decoder(syntax).available_plugins
})  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("plugin", "syntax"), PLUGINS, ids=[f"{plugin} {syntax.name}" for plugin, syntax in PLUGINS])
def test_damaged_dicom_with_every_decoder(plugin: str, syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "_DECODER", {syntax: plugin})
    mine = [(kind, data) for kind, data in SEEDS if kind.startswith(syntax.name)]
    failures = faults(cases(0.04 / len(PLUGINS)), mine)
    assert not failures, (len(failures), failures[:5])


@pytest.mark.filterwarnings("ignore")
def test_damaged_headers(tmp_path: Path) -> None:
    failures, source = [], ImageSource(tmp_path)
    for seed in cases(0.01):
        kind, data = SEEDS[seed % len(SEEDS)]
        (tmp_path / "x.dcm").write_bytes(damaged(data, seed))
        if fault := untyped(lambda: dicom_headers(source, ["x.dcm"], KEYWORDS), "x.dcm"):
            failures.append(f"seed {seed}, {kind}: {fault}")
    assert not failures, (len(failures), failures[:5])
