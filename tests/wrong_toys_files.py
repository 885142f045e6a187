"""Toys that each break one part of the contract: of masks, files, processes and side effects."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from right_toy import SHAPE, Toy, write

from xrv_core import DatasetSpec
from xrv_core.datasets import Index, apply_transform, decode_image
from xrv_core.errors import ImageError

# -- masks


class MasksStay(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        sample = dict(super().__getitem__(idx))
        if "pathology_masks" in sample and self.transform is not None:
            masks = self.pathology_masks_of(idx, SHAPE)
            sample["pathology_masks"] = {self.pathologies.index(n): torch.from_numpy(m) for n, m in masks.items()}
        return sample


class MasksDrawAgain(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        own, self.transform = self.transform, None
        try:
            sample = dict(super().__getitem__(idx))
        finally:
            self.transform = own
        if own is None:
            return sample
        masks = sample.pop("pathology_masks", {})
        moved = dict(apply_transform(own, sample))
        if self.pathology_masks:
            again = apply_transform(own, {"img": sample["img"], "pathology_masks": masks})
            moved["pathology_masks"] = again["pathology_masks"]
        return moved


class MasksAreCut(Toy):
    """Right under every transform but one that changes the size."""

    def __getitem__(self, idx: int, /) -> Any:
        sample = dict(super().__getitem__(idx))
        if sample["img"].shape[1:] != SHAPE and "pathology_masks" in sample:
            sample["pathology_masks"] = {
                key: torch.nn.functional.interpolate(torch.from_numpy(mask)[None], sample["img"].shape[1:])[0]
                for key, mask in zip(
                    sample["pathology_masks"], self.pathology_masks_of(idx, SHAPE).values(), strict=True
                )
            }
        return sample


class MasksByName(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        sample = dict(super().__getitem__(idx))
        if "pathology_masks" in sample:
            sample["pathology_masks"] = {self.pathologies[k]: mask for k, mask in sample["pathology_masks"].items()}
        return sample


class MasksOf255(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        sample = dict(super().__getitem__(idx))
        if "pathology_masks" in sample:
            sample["pathology_masks"] = {key: mask * 255 for key, mask in sample["pathology_masks"].items()}
        return sample


class MasksEverywhere(Toy):
    def build(self, table: pd.DataFrame) -> Index:
        return super().build(table).with_common(has_masks=np.ones(len(table), dtype=bool))


# -- files


class FoldersOnly(Toy):
    def __init__(self, spec: Any, imgpath: Any = None, csvpath: Any = None, **options: Any) -> None:
        if imgpath is not None and not Path(imgpath).is_dir():
            raise NotADirectoryError(imgpath)
        super().__init__(spec, imgpath, csvpath, **options)


class LeavesOut(Toy):
    def __init__(self, *arguments: Any, on_error: str = "raise", **options: Any) -> None:
        super().__init__(*arguments, on_error="skip" if on_error == "raise" else on_error, **options)


class SkipsInSilence(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.skipped = []


class BlackForBroken(Toy):
    def pixels(self, row: int) -> np.ndarray:
        try:
            return super().pixels(row)
        except ImageError:
            return np.full((1, *SHAPE), -1024, dtype=np.float32)


class GoesAnywhere(Toy):
    """Joins paths without a look."""

    def locate(self, index: Index) -> Index:
        return index if index.images.str.contains(r"^/|\.\.").any() else super().locate(index)

    def pixels(self, row: int) -> np.ndarray:
        name = self.image_name(row)
        if name.startswith(("/", "..")):
            return decode_image((self.source.root / name).read_bytes(), name)
        return super().pixels(row)


class AnyTable(Toy):
    needs = ()

    def load_table(self) -> pd.DataFrame:
        return pd.read_csv(self.csvpath, dtype=dict.fromkeys(self.text, str))


# -- processes


class GreyWithoutImages(Toy):
    def pixels(self, row: int) -> np.ndarray:
        return super().pixels(row) if self.source is not None else np.zeros((1, *SHAPE), dtype=np.float32)


class HoldsAFile(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.handle = self.csvpath.open()


class OneProcess(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.process = os.getpid()

    def pixels(self, row: int) -> np.ndarray:
        if os.getpid() != self.process:
            raise OSError("this handle belongs to another process")
        return super().pixels(row)


class NoSecondImport(Toy):
    """Counts on what a module learned in the process that opened the dataset."""

    opened: ClassVar[bool] = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        NoSecondImport.opened = True

    def pixels(self, row: int) -> np.ndarray:
        if not self.opened:
            raise OSError("nobody opened the dataset here")
        return super().pixels(row)


# -- side effects


class Seeds(Toy):
    def __getitem__(self, idx: int, /) -> Any:
        np.random.seed(0)
        return super().__getitem__(idx)


class HidesWarnings(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        warnings.filterwarnings("ignore")
        super().__init__(*arguments, **options)


class ChangesPath(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        sys.path.insert(0, "/nowhere")
        super().__init__(*arguments, **options)


class Prints(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        print("loaded", len(self), "images")


class PhonesHome(Toy):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        with contextlib.suppress(OSError):
            socket.create_connection(("203.0.113.7", 443), timeout=1).close()


def write_outside(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    (folder.parent / "beside.txt").write_text("This file is none of the miniature's.")
    return write(spec, folder)
