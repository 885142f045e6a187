"""``xrv.utils`` and transforms beside torchxrayvision's; notes, command and card."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from messages import says
from PIL import Image
from torchvision import transforms

import xrv_compat as xrv
from xrv_compat.names import NAMES
from xrv_compat.notes import note
from xrv_core.cli import main
from xrv_core.errors import ArgumentError

quiet = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:Converting MONOCHROME1")

GREY = np.linspace(0, 255, 48).reshape(6, 8).astype(np.uint8)


# -- utils


@quiet
@pytest.mark.parity
def test_normalize_is_theirs_but_for_colour(peer: Any) -> None:
    colour = np.stack([GREY, GREY[::-1], GREY], axis=-1)
    for library in (peer.utils, xrv.utils):
        assert library.normalize(GREY, 255, reshape=True).shape == (1, 6, 8)
        with pytest.raises(ValueError, match=r"^max image value \(255\) higher than expected bound \(100\)\.$"):
            library.normalize(GREY, 100)
    for image, reshape in ((GREY, True), (GREY, False), (colour, False), (GREY[..., None], True)):
        a, b = (library.normalize(image, 255, reshape) for library in (peer.datasets, xrv.datasets))
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(b, a, atol=1e-3)
    green = 1024 * (2 * 0.587 * float(GREY[-1, 0]) / 255 - 1)
    assert xrv.utils.normalize(colour, 255, reshape=True)[0, 0, 0] == pytest.approx(green, abs=0.01)
    with pytest.raises(ArgumentError, match=r"\[H, W\] or \[H, W, C\]; this array has the shape \[6\]\.$"):
        xrv.utils.normalize(GREY[:, 0], 255, reshape=True)


@quiet
@pytest.mark.parity
@pytest.mark.realdata
def test_images_are_read_as_theirs(peer: Any, realdata: Path) -> None:
    for path in [*(realdata / "dicom").glob("*.dcm"), realdata / "reference_images" / "00000001_000.png"]:
        a, b = (library.utils.load_image(str(path)) for library in (peer, xrv))
        assert (b.dtype, b.shape) == (a.dtype, a.shape)
        np.testing.assert_allclose(b, a, atol=1e-3)
    inverted = realdata / "dicom" / "Fake_MONOHR1.dcm"
    for fix in (True, False):
        a, b = (library.utils.read_xray_dcm(str(inverted), fix_monochrome=fix) for library in (peer, xrv))
        np.testing.assert_allclose(b, a, atol=1e-3)
        assert b[60][2] == pytest.approx(959.75 if fix else -959.75, abs=0.01)


@quiet
def test_sixteen_bits_are_read_where_theirs_raises(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 65535, np.uint16)).save(tmp_path / "x.png")
    assert (xrv.utils.load_image(str(tmp_path / "x.png")) == 1024).all()


class Images(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"img": np.full((1, 2, 2), idx, np.float32)}


@quiet
@pytest.mark.parity
def test_infer_is_theirs(peer: Any) -> None:
    model = torch.nn.Flatten()
    state = torch.get_rng_state()
    found = xrv.utils.infer(model, Images(), threads=2)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(found, peer.utils.infer(model, Images(), threads=2))


@quiet
@pytest.mark.parity
def test_resolution_and_range(peer: Any) -> None:
    x = torch.rand(1, 1, 40, 40) * 2048 - 1024
    for image in (x, x[0], x[..., :32, :32]):
        a, b = (library.utils.fix_resolution(image, 32, torch.nn.Identity()) for library in (peer, xrv))
        torch.testing.assert_close(b, a)
    with pytest.raises(ValueError, match="would distort them"):
        xrv.models.fix_resolution(x[..., :20], 32)
    xrv.models.warn_normalization(x)  # its note is told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xrv.models.warn_normalization(x)
        xrv.models.warn_normalization(x / 1024)  # theirs, too, looks at the first image only
        xrv.utils.warning_log.clear()
        with pytest.raises(UserWarning, match="does not appear to be normalized correctly"):
            xrv.models.warn_normalization((x + 1024) / 2048)


def test_in_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Tiny(xrv.datasets.Dataset):
        pathologies, labels = ("Mass",), np.ones((2, 1), np.float32)

    assert not xrv.utils.in_notebook()
    assert repr(Tiny()) == "Tiny num_samples=2"
    assert capsys.readouterr().out == ""
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert xrv.utils.in_notebook()
    assert repr(Tiny()) == "Tiny num_samples=2"
    assert capsys.readouterr().out == "{'Mass': {1.0: 2}}\n"


# -- transforms


@quiet
@pytest.mark.parity
def test_transforms_are_theirs(peer: Any) -> None:
    image = xrv.utils.normalize(GREY, 255, reshape=True)
    for make in (
        lambda d: transforms.Compose([d.XRayCenterCrop(), d.XRayResizer(16)]),
        lambda d: transforms.Compose([d.ToPILImage(), transforms.ToTensor()]),
        lambda d: d.XRayResizer(5),
    ):
        a, b = (make(library.datasets)(image) for library in (peer, xrv))
        assert type(a) is type(b)
        np.testing.assert_allclose(b, a, atol=1e-2)


@quiet
def test_image_and_masks_get_the_same_random_numbers() -> None:
    chain = transforms.Compose([xrv.datasets.ToPILImage(), transforms.RandomAffine(45), transforms.ToTensor()])
    picture = np.zeros((1, 32, 32), np.float32)
    picture[0, 4:20, 9:14] = 1

    def sample() -> dict[str, Any]:
        return {"img": picture, "pathology_masks": {3: picture.copy()}, "semantic_masks": {"Lungs": picture.copy()}}

    found = xrv.datasets.apply_transforms(sample(), chain, seed=7)
    assert torch.equal(found["img"], found["pathology_masks"][3])
    assert torch.equal(found["img"], found["semantic_masks"]["Lungs"])
    assert torch.equal(xrv.datasets.apply_transforms(sample(), chain, seed=7)["img"], found["img"])
    assert not torch.equal(xrv.datasets.apply_transforms(sample(), chain, seed=8)["img"], found["img"])
    plain = sample()
    assert xrv.datasets.apply_transforms(plain, None) is plain


@quiet
def test_what_is_not_offered_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^nrows=5 is not supported.* SubsetDataset\(dataset, range\(n\)\)"):
        xrv.datasets.RSNA_Pneumonia_Dataset(str(tmp_path), nrows=5)
    with pytest.raises(FileNotFoundError, match=r"none: no such folder or archive\. Check imgpath\.$"):
        xrv.datasets.NLMTB_Dataset(str(tmp_path / "none"))
    with pytest.raises(TypeError, match="missing a required argument: 'csvpath'"):
        xrv.datasets.COVID19_Dataset(str(tmp_path))


# -- notes, command, card


def test_a_name_is_noted_once_at_the_line_that_uses_it() -> None:
    with pytest.warns(xrv.CompatNote) as told:
        assert xrv.models.get_densenet_params("a") == xrv.models.get_densenet_params("b")
    (one,) = told
    assert issubclass(one.category, FutureWarning)
    assert one.filename == __file__
    words = ("xrv_compat.models.get_densenet_params", "xrv_core.get_classifier('timm/densenet169', pathologies=[...])")
    assert re.search(says(*words), str(one.message))
    text = r"new code writes xrv_core\.get_dataset\('nlmtb', imgpath, "
    with pytest.warns(xrv.CompatNote, match=text) as told, pytest.raises(FileNotFoundError):
        xrv.datasets.NLMTB_Dataset("/none")
    assert told[0].filename == __file__
    assert "Differs from torchxrayvision: 16-bit files and signed DICOM" in note("utils.load_image")


def test_every_name_exists() -> None:
    for name in NAMES:
        *modules, attribute = name.split(".")
        place: Any = xrv
        for module in modules:
            place = getattr(place, module)
        assert callable(getattr(place, attribute)), name


def test_the_command() -> None:
    found = CliRunner().invoke(main, ["compat", "nih_data"])
    assert found.exit_code == 0
    assert found.output.splitlines()[:2] == [
        "xrv.datasets.NIH_Dataset",
        "  -> xrv_core.get_dataset('nih', imgpath, csvpath, boxes=..., views=['PA'], unique_patients=True)",
    ]
    assert CliRunner().invoke(main, ["compat"]).output.count("  -> ") == len(NAMES)
    none = CliRunner().invoke(main, ["compat", "Kaggle"])
    assert none.exit_code == 1
    assert re.search("^Error: .*'Kaggle'", none.output)


def test_the_card_has_every_name() -> None:
    lines = (Path(__file__).parent.parent / "README.md").read_text().splitlines()
    rows = [line for line in lines if re.match(r"\| `(datasets|models|utils|autoencoders|baseline_models)\.", line)]
    wanted = [f"| `{name}` | {old.new} | {old.differs} |" for name, old in NAMES.items()]
    assert [row.replace("`", "") for row in rows] == [row.replace("`", "") for row in wanted]


def test_importing_loads_nothing_heavy() -> None:
    code = "import xrv_compat, xrv_compat.names, sys; print(*{'torch', 'numpy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
