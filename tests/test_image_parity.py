"""Real files all open; where torchxrayvision reads them right, our pixels are its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xrv_core.datasets import load_image


def real_images(realdata: Path, folder: str) -> list[Path]:
    files = [p for p in sorted((realdata / folder).rglob("*")) if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".dcm")]
    assert files
    return files


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "count"),
    [
        ("nih", 168),
        ("nih224", 1000),
        ("hannover", 243),
        ("covid19", 19),
        ("tbx11k", 3),
        ("reference_images", 4),
        ("dicom", 4),
    ],
)
def test_every_real_file_opens(realdata: Path, folder: str, count: int) -> None:
    files = real_images(realdata, folder)
    assert len(files) == count
    for path in files:
        image = load_image(path)
        assert image.dtype == np.float32, path
        assert image.ndim == 3, path
        assert image.shape[0] == 1, path
        assert -1024 <= image.min() < image.max() <= 1024, path


@pytest.mark.realdata
@pytest.mark.parity
@pytest.mark.parametrize("folder", ["nih", "covid19", "tbx11k", "reference_images"])
def test_pixels_equal_torchxrayvision_where_it_is_right(realdata: Path, folder: str) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    grey = 0
    for path in real_images(realdata, folder)[:40]:
        with Image.open(path) as image:
            channels = np.atleast_3d(np.asarray(image))[..., :3]
        if (channels == channels[..., :1]).all():
            grey += 1
            assert np.array_equal(load_image(path), theirs(str(path))), path
    assert grey


@pytest.mark.realdata
@pytest.mark.parity
def test_rgba_files_of_nih_lose_their_alpha_only(realdata: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    found = []
    for path in real_images(realdata, "nih"):
        with Image.open(path) as image:
            if image.mode == "RGBA":
                found.append(path)
    assert len(found) == 4
    for path in found:
        assert np.array_equal(load_image(path), theirs(str(path)))


@pytest.mark.parity
def test_torchxrayvision_cannot_read_16_bits(tmp_path: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    values = np.array([[0, 30000], [40000, 65535]], np.uint16)
    path = tmp_path / "x.png"
    Image.fromarray(values).save(path)
    with pytest.raises(ValueError, match="higher than expected bound"):
        theirs(str(path))
    np.testing.assert_allclose(load_image(path)[0], values / 65535 * 2048 - 1024, atol=3e-4)


@pytest.mark.parity
def test_torchxrayvision_takes_the_red_channel_of_colour(tmp_path: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").utils.load_image
    path = tmp_path / "x.png"
    Image.fromarray(np.full((2, 2, 3), (255, 0, 0), np.uint8)).save(path)
    assert theirs(str(path)).max() == 1024
    np.testing.assert_allclose(load_image(path), 0.299 * 2048 - 1024, atol=3e-4)
