"""Damaged annotations: JSON, COCO, run lengths, shapes, XML and archives of reports, by their datasets."""

from __future__ import annotations

import copy
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mutations import cases, damaged, damaged_text, untyped

import xrv_core as xrv
from xrv_core.datasets import coco_rle_mask, siim_rle_mask
from xrv_nlmtb.listing import read_reading
from xrv_rsna.tables import read_mapping

#: Values of every type, and what parsers and arithmetic trip over.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 0.5, -2.5, 10**9, 10**30, 10**400, 1e308, "", " ", "a", "1", "é\u202e", "\0"),
    *("../x.png", "a" * 5000, "[1]", [], [None], [1], [1, 2, 3, 4], ["a"] * 4, [[]], {}, {"id": 1}, {"size": [1, 1]}),
)


class Target(NamedTuple):
    """A dataset, its file that is damaged, how, and how many items are read."""

    name: str
    file: str
    arguments: dict[str, Any]
    damage: Callable[[bytes, int], bytes]


def changed_json(data: bytes, seed: int) -> bytes:
    """A JSON document with other nodes, or with damaged bytes."""
    rng = random.Random(seed)
    return damaged(data, seed) if rng.random() < 0.3 else json.dumps(changed(json.loads(data), rng)).encode()


def changed(document: Any, rng: random.Random) -> Any:
    """A document with one to three nodes replaced, removed, doubled or renamed."""
    top = [document]
    for _ in range(rng.choice((1, 1, 2, 3))):
        node, key = _place(top, rng)
        match rng.randrange(8):
            case 0 if node is not top:
                del node[key]
            case 1 if isinstance(node, list) and node is not top:
                node.insert(key, node[key])
            case 2 if isinstance(node, dict):
                node[str(rng.choice(VALUES))[:20]] = node.pop(key)
            case 3:
                other, place = _place(top, rng)
                node[key] = json.loads(json.dumps(other[place]))
            case 4:
                node[key] = [node[key]]
            case _:
                node[key] = copy.deepcopy(rng.choice(VALUES))
    return top[0]


def _place(top: list[Any], rng: random.Random) -> tuple[Any, Any]:
    """A random node of a document: what holds it, and its key there."""
    node, key = top, 0
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.85:
        node = node[key]
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    return node, key


def changed_table(data: bytes, seed: int) -> bytes:
    """A table with damaged cells; or the numbers inside of one of its cells."""
    rng, text = random.Random(seed), data.decode()
    if rng.random() < 0.5:
        return damaged_text(text, seed).encode("utf-8", "surrogatepass")
    words = text.replace(";", " ; ").split(" ")
    for _ in range(rng.choice((1, 2))):
        at = rng.randrange(len(words))
        words[at] = rng.choice(("", "-1", "1e308", "nan", "inf", "999999999", "0", "x", ";", "3 4", "9" * 400, "1.5"))
    return " ".join(words).encode()


MASKS = {"pathology_masks": True}
TARGETS = (
    Target("tbx11k", "TBX11K/annotations/json/TBX11K_train.json", MASKS, changed_json),
    Target("chexlocalize", "CheXlocalize/gt_segmentations_val.json", MASKS, changed_json),
    Target("objectcxr", "train.csv", MASKS, changed_table),
    Target("siim", "train-rle.csv", MASKS, changed_table),
    Target("openi", "NLMCXR_reports.tgz", {}, damaged),
    Target("openi", "reports/ecgen-radiology/90002.xml", {"csvpath": "reports"}, damaged),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of miniatures, by dataset."""
    folder = tmp_path_factory.mktemp("minis")
    for name in {target.name for target in TARGETS} | {"rsna"}:
        xrv.miniature(name, folder / name)
    with tarfile.open(folder / "openi/NLMCXR_reports.tgz") as archive:
        archive.extractall(folder / "openi/reports", filter="data")
    return folder


def attack(folder: Path, target: Target, seed: int) -> str:
    """What is wrong with how a dataset with a damaged file fails; the file is repaired afterwards."""
    place = folder / target.name
    file = place / target.file
    good = file.read_bytes()
    arguments = _arguments(place, target)

    def read() -> None:
        dataset = xrv.get_dataset(target.name, **arguments)
        for row in {0, len(dataset) - 1}:
            dataset[row]
            dataset.why(row, dataset.pathologies[0])

    file.write_bytes(target.damage(good, seed))
    try:
        return untyped(read, file if file.suffix != ".xml" else file.parent.parent)
    finally:
        file.write_bytes(good)


def _arguments(place: Path, target: Target) -> dict[str, Any]:
    named = {
        "tbx11k": {"imgpath": "TBX11K"},
        "chexlocalize": {"imgpath": "CheXpert", "csvpath": "CheXpert/val_labels.csv", "segmentations": target.file},
        "objectcxr": {"imgpath": "train.zip", "csvpath": "train.csv"},
        "siim": {"imgpath": "dicom-images-train", "csvpath": "train-rle.csv"},
        "openi": {"imgpath": "NLMCXR_png", "csvpath": "NLMCXR_reports.tgz"},
    }[target.name]
    own = {key: value if value is True else str(place / value) for key, value in target.arguments.items()}
    return {**{key: str(place / value) for key, value in named.items()}, **own}


def test_damaged_annotations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_TABLE_CACHE", "0")
    wrong = []
    for seed in cases(0.05):
        target = TARGETS[seed % len(TARGETS)]
        if said := attack(folder, target, seed):
            wrong.append(f"seed {seed}, {target.name}: {said[:300]}")
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:5])


def test_damaged_mappings_run_lengths_and_readings(folder: Path, tmp_path: Path) -> None:
    mapping = (folder / "rsna/pneumonia-challenge-dataset-mappings_2018.json").read_bytes()
    coco = (folder / "chexlocalize/CheXlocalize/gt_segmentations_val.json").read_bytes()
    masks = [rle for tasks in json.loads(coco).values() for rle in tasks.values()]
    file = tmp_path / "a.json"
    wrong = []
    for seed in cases(0.05):
        rng = random.Random(seed)
        match seed % 4:
            case 0:
                file.write_bytes(changed_json(mapping, seed))
                said = untyped(lambda: read_mapping(file, "rsna"), file)
            case 1:
                rle = changed(json.loads(json.dumps(rng.choice(masks))), rng)
                said = untyped(lambda rle=rle: coco_rle_mask(rle, (80, 96), where="a.json, b"), "a.json")  # type: ignore[misc]
            case 2:
                rle = (
                    damaged(b"12 7 400 31 1024 9", seed).decode("latin-1") if rng.random() < 0.8 else rng.choice(VALUES)
                )
                said = untyped(lambda rle=rle: siim_rle_mask(rle, (64, 64), where="a.csv, b"), "a.csv")  # type: ignore[misc]
            case _:
                text = damaged(b"Patient's Sex: F\nPatient's Age: 027Y\nsame pt as MCUCXR_9001_0", seed)
                said = untyped(lambda text=text: read_reading(text.decode("utf-8", "replace")), "")  # type: ignore[misc]
        if said:
            wrong.append(f"seed {seed}: {said[:300]}")
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:5])
