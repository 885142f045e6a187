"""``xrv segment``: masks that lie on the image, whatever its shape, and what is said when something is wrong."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from messages import says
from PIL import Image
from torch import nn

import xrv_core
from xrv_core.cli import main
from xrv_core.models import NetworkSegmenter, load_into, load_state_dict

NOTE = "brightness: Not for medical use. It only looks at grey levels."
STRUCTURES = ("bright part", "dark part", "nothing")


class Brightness(nn.Module):
    """Probabilities out of the brightness of a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, -x, x - 3000], dim=1) * self.sharpness


def brightness(spec: xrv_core.SegmenterSpec, weights: Path | None = None) -> NetworkSegmenter:
    model = NetworkSegmenter(Brightness(), spec.structures, input_resolution=spec.input_resolution, spec=spec)
    if weights is not None:
        load_into(model, load_state_dict(weights), weights)
    return model.eval()


@pytest.fixture(autouse=True)
def weights(tmp_path: Path) -> Iterator[Path]:
    """The registered segmenter, and a file with its weights."""
    spec = xrv_core.SegmenterSpec(
        name="brightness", title="A toy", factory=brightness, licence="CC0", citation="none", homepage="https://x.org",
        obtain="Nothing.", structures=STRUCTURES, input_resolution=64, warning="It only looks at grey levels.",
    )  # fmt: skip
    file = tmp_path / "weights.pt"
    torch.save(brightness(spec).state_dict(), file)
    with xrv_core.register(spec):
        yield file


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def wide(height: int = 90, width: int = 150) -> np.ndarray:
    """Dark, with a bright rectangle that is not in the middle."""
    pixels = np.full((height, width), 10, np.uint8)
    pixels[20:50, 100:140] = 240
    return pixels


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    write(folder / "a.png", wide())
    write(folder / "more" / "a.jpg", wide(150, 150))
    return folder


@pytest.fixture
def run(weights: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    def segment(*arguments: object, out: Path = tmp_path / "out") -> Result:
        command = ["segment", "brightness", *arguments, "--out", out, "--weights", weights]
        return CliRunner().invoke(main, [str(a) for a in command], prog_name="xrv")

    return segment


def mask_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert (image.mode, image.info["Comment"]) == ("L", NOTE.replace(":", ", threshold 0.5."))
        pixels = np.asarray(image)
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels == 255


# -- what is written


def test_masks_have_the_size_of_the_image_and_lie_on_it(run, images: Path, tmp_path: Path) -> None:
    result = run(images / "a.png")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "out" / "brightness" / "a"
    assert sorted(f.name for f in folder.iterdir()) == ["bright_part.png", "dark_part.png", "nothing.png"]
    bright, dark, nothing = (mask_of(folder / f"{name.replace(' ', '_')}.png") for name in STRUCTURES)
    truth = wide() > 128
    assert bright.shape == truth.shape
    assert (bright & truth).sum() / (bright | truth).sum() > 0.9  # one pixel of the network is 2.3 of the image
    assert np.argwhere(bright).mean(0) == pytest.approx(np.argwhere(truth).mean(0), abs=1.2)
    assert not (bright & dark).any()
    assert dark[:15, :].all(), "beside and above, where the square is padded"
    assert not nothing.any()


def test_one_image_is_a_table_of_shares(run, images: Path, tmp_path: Path) -> None:
    result = run(images / "a.png")
    assert result.stderr.splitlines() == [NOTE]
    head, *rows, last = result.stdout.splitlines()
    assert head.split("  ")[0] == "STRUCTURE"
    assert [row.rsplit(maxsplit=1)[0] for row in rows] == ["dark part", "bright part", "nothing"]
    assert float(rows[1].split()[-1]) == pytest.approx(30 * 40 / 90 / 150, abs=0.005)
    assert last == f"Masks: {tmp_path / 'out' / 'brightness' / 'a'}"


def test_a_folder_keeps_its_shape_and_csv_and_json_carry_the_note(run, images: Path, tmp_path: Path) -> None:
    result = run(images, "--structures", "dark part, bright part")
    assert [line.split()[1:] for line in result.stdout.splitlines()] == [
        ["STRUCTURES", "MASKS"],
        ["2", str(tmp_path / "out/brightness/a")],
        ["2", str(tmp_path / "out/brightness/more/a")],
    ]
    rows = list(csv.DictReader(io.StringIO(run(images, "--structures", "nothing", "--format", "csv").stdout)))
    assert [Path(row["file"]).name for row in rows] == ["a.png", "a.jpg"]
    assert {(row["nothing"], f"{row['model']}: {row['note']}") for row in rows} == {("0.000000", NOTE)}
    found = json.loads(run(images, "--format", "json", "--threshold", "0.7").stdout)
    assert (found["model"], found["threshold"], NOTE) == ("brightness", "0.7", f"brightness: {found['note']}")
    assert [list(file["shares"]) for file in found["files"]] == [list(STRUCTURES)] * 2


def test_npz_holds_the_same_masks(run, images: Path, tmp_path: Path) -> None:
    run(images / "a.png")
    run(images / "a.png", "--masks", "npz", out=tmp_path / "packed")
    folder = tmp_path / "packed" / "brightness" / "a"
    assert [f.name for f in folder.iterdir()] == ["masks.npz"]
    with np.load(folder / "masks.npz") as packed:
        assert packed["structures"].tolist() == list(STRUCTURES)
        assert str(packed["comment"]) == NOTE.replace(":", ", threshold 0.5.")
        assert packed["masks"].dtype == bool
        for name, mask in zip(STRUCTURES, packed["masks"], strict=True):
            assert np.array_equal(mask, mask_of(tmp_path / "out/brightness/a" / f"{name.replace(' ', '_')}.png"))


def test_an_overlay_begins_with_the_image(run, images: Path, tmp_path: Path) -> None:
    run(images / "a.png", "--overlay", "--structures", "bright part")
    with Image.open(tmp_path / "out/brightness/a/overlay.png") as picture:
        shown = np.asarray(picture)[:90, :150].astype(int)
    coloured = shown.max(2) - shown.min(2) > 100
    mask = mask_of(tmp_path / "out/brightness/a/bright_part.png")
    assert coloured.sum() == pytest.approx(2 * (30 + 40), abs=12)
    assert mask[coloured].all()


def test_a_second_run_leaves_its_own_masks_alone(run, images: Path) -> None:
    out = images / "masks"
    for _ in range(2):
        result = run(images, out=out)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) == 3
    assert sorted(f.name for f in (out / "brightness").iterdir()) == ["a", "more"]


# -- what is refused


def test_a_bad_file_does_not_stop_the_others(run, images: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    result = run(bad, images / "a.png")
    assert result.exit_code == 3
    assert (tmp_path / "out/brightness/a/nothing.png").is_file()
    assert not (tmp_path / "out/brightness/bad").exists()
    assert re.search(says(f"Error: {bad}", "not a readable image"), result.stderr.splitlines()[1])
    assert result.stderr.splitlines()[2] == "1 of 2 files could not be read."


def test_two_images_of_one_folder(run, images: Path, tmp_path: Path) -> None:
    first, second = images / "a.png", images / "more" / "a.jpg"
    result = run(first, second)
    assert result.exit_code == 1
    words = (f"Error: {first} and {second}", tmp_path / "out/brightness/a", "folder above", "different --out")
    assert re.search(says(*words), result.output)


def test_mistakes_are_one_line(run, images: Path, tmp_path: Path) -> None:
    image = images / "a.png"
    cases = [
        (run(image, "--structures", "bright part,drak part"),
         "Error: brightness has no structure 'drak part'. Did you mean 'dark part' or 'bright part'?\n"),
        (run("/no/such.png"), "Error: /no/such.png: no such file or folder.\n"),
        (run(image, out=image), f"Error: {image} cannot be written: File exists. Choose another --out.\n"),
        (CliRunner().invoke(main, ["segment", "brightness", str(image), "--out", str(tmp_path)]),
         "Error: 'brightness' has no published weights, so it cannot predict: give a file with --weights.\n"),
        (CliRunner().invoke(main, ["segment", "cxsa", str(image), "--out", str(tmp_path)]),
         "Error: No segmenter named 'cxsa'. Did you mean 'cxas'?\n"),
    ]  # fmt: skip
    for result, text in cases:
        assert (result.exit_code, result.output) == (1, text)
    result = run(image, "--threshold", "50")
    assert result.exit_code == 2
    assert "50.0 is not in the range 0<=x<=1" in result.output


def test_a_file_name_without_suffix_is_kept_whole(run, tmp_path: Path) -> None:
    dicom = tmp_path / "1.2.840.1"
    write(tmp_path / "x.png", wide()).rename(dicom)
    assert run(dicom).exit_code == 0
    assert (tmp_path / "out/brightness/1.2.840.1/nothing.png").is_file()


def test_structures_whose_files_would_be_the_same(images: Path, tmp_path: Path) -> None:
    spec = xrv_core.SegmenterSpec(
        name="twins", title="A toy", factory=brightness, licence="CC0", citation="none", homepage="https://x.org",
        obtain="Nothing.", structures=("left lung", "left_lung", "overlay"),
    )  # fmt: skip
    command = ["segment", "twins", str(images / "a.png"), "--out", str(tmp_path)]
    with xrv_core.register(spec):
        results = [
            CliRunner().invoke(main, [*command, *more]).output for more in ([], ["--structures", "left lung,overlay"])
        ]
    advice = "Segment them one after the other, with --structures and different --out.\n"
    assert results == [
        f"Error: twins: 'left lung' and 'left_lung' would both be written to left_lung.png. {advice}",
        f"Error: twins: the overlay and 'overlay' would both be written to overlay.png. {advice}",
    ]


@pytest.mark.realdata
def test_real_images_and_dicom_of_every_shape(run, realdata: Path, tmp_path: Path) -> None:
    result = run(realdata / "dicom", realdata / "covid19" / "images", "--structures", "bright part")
    assert result.exit_code == 0, result.stderr
    rows = result.stdout.splitlines()[1:]
    assert len(rows) >= 20
    for row in rows:
        mask = mask_of(Path(row.split()[-1]) / "bright_part.png")
        assert 0 < mask.mean() < 1
    (siim,) = (tmp_path / "out" / "brightness").glob("siim_*")
    image = xrv_core.datasets.load_image(realdata / "dicom" / f"{siim.name}.dcm")
    assert mask_of(siim / "bright_part.png").shape == image.shape[1:]
    agreement = (mask_of(siim / "bright_part.png") == (image[0] > 0)).mean()
    assert agreement > 0.9
