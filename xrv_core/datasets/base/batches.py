"""Samples to batches: what a ``DataLoader`` calls ``collate_fn``."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xrv_core.errors import ArgumentError

__all__ = ["Masks", "collate"]

_KINDS = ("pathology_masks", "semantic_masks")
_USE = "Pass collate_fn=xrv_core.datasets.collate to the DataLoader."


class Masks(dict[Any, Any]):
    """The masks of one item: a dict that torch's own collate does not drop or mix up in silence.

    torch's ``default_collate`` takes the keys of a batch's first item for all. It is told about this class in the
    process that makes the first one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tell_torch()

    def __reduce__(self) -> Any:  # so that a process that only unpickles samples tells its torch, too
        return Masks, (dict(self),)


@functools.cache
def _tell_torch() -> None:
    from torch.utils import _pytree
    from torch.utils.data._utils.collate import default_collate_fn_map

    default_collate_fn_map[Masks] = _as_torch_does
    # by v2 transforms, which leave a mapping alone that they do not know
    _pytree.register_pytree_node(Masks, lambda masks: (list(masks.values()), list(masks)), _from_parts)


def _from_parts(values: Any, keys: Any) -> Masks:
    return Masks(zip(keys, values, strict=True))


def _as_torch_does(batch: Sequence[Masks], *, collate_fn_map: Any = None) -> Any:
    """The result of torch where it is right: all items have masks of the same names and sizes."""
    from torch.utils.data import default_collate

    if any(masks.keys() != batch[0].keys() for masks in batch):
        kinds = [f"item {i}: {sorted(masks) or 'none'}" for i, masks in enumerate(batch[:4])]
        raise ArgumentError(
            f"torch's default_collate cannot stack masks of different labels ({', '.join(kinds)}). {_USE}"
        )
    return {key: default_collate([masks[key] for masks in batch]) for key in batch[0]}


def collate(samples: Sequence[Mapping[str, Any]], *, dense_masks: bool = False) -> dict[str, Any]:
    """Make a batch of samples: ``DataLoader(d, batch_size=8, collate_fn=collate)``.

    Args:
        samples: Samples of any dataset or view; all images have one size.
        dense_masks: Stack masks, too. For other options than the default use
            ``functools.partial(collate, dense_masks=True)``.

    Returns:
        ``idx`` int64 ``[B]``, ``img`` float32 ``[B, C, H, W]``, ``lab`` float32 ``[B, P]``, and other keys as torch's
        ``default_collate`` makes them. ``pathology_masks`` and ``semantic_masks`` are lists of B dicts, as the
        samples have them; an item without any has an empty one. With ``dense_masks``, ``pathology_masks`` is
        float32 ``[B, P, H, W]``, and ``semantic_masks`` is ``{name: float32 [B, 1, H, W]}`` of the names in this
        batch. Where an item has no mask, the dense one is 0 if its label is 0, else NaN: what nobody drew may be there.

    Raises:
        ArgumentError: There is no sample, or images, labels or keys of the samples differ.
    """
    import torch
    from torch.utils.data import default_collate

    if not samples or not all(isinstance(sample, Mapping) and "img" in sample for sample in samples):
        raise ArgumentError("collate needs a list of samples: dicts with at least 'img'.")
    _check_same(
        "images", [np.shape(sample["img"]) for sample in samples], "Give the dataset transform=XRayResizer(224)."
    )
    if any("lab" in sample for sample in samples):
        _check_same(
            "labels", [np.shape(sample.get("lab", ())) for sample in samples], "Merge datasets by MergeDataset."
        )
    plain = [{key: value for key, value in sample.items() if key not in _KINDS} for sample in samples]
    _check_same("keys", [tuple(sorted(sample)) for sample in plain], "Wrap the datasets in the same way.")
    batch: dict[str, Any] = default_collate(plain)
    for kind in _KINDS:
        if not any(kind in sample for sample in samples):
            continue
        masks = [dict(sample.get(kind, {})) for sample in samples]
        if not dense_masks:
            batch[kind] = masks
        elif kind == "semantic_masks":
            names = dict.fromkeys(name for one in masks for name in one)
            batch[kind] = {name: torch.stack([_mask(one, name, batch["img"]) for one in masks]) for name in names}
        else:
            rows = [
                torch.cat([_mask(one, i, batch["img"], absent=bool(label == 0)) for i, label in enumerate(labels)])
                for one, labels in zip(masks, batch["lab"], strict=True)
            ]
            batch[kind] = torch.stack(rows)
    return batch


def _mask(masks: Mapping[Any, Any], key: Any, images: Any, *, absent: bool = False) -> Any:
    """The mask ``[1, H, W]``, else zeros or NaN of that size."""
    import torch

    if key in masks:
        return torch.as_tensor(masks[key])
    return torch.full((1, *images.shape[-2:]), 0.0 if absent else float("nan"))


def _check_same(what: str, found: Sequence[tuple[Any, ...]], hint: str) -> None:
    kinds = Counter(found)
    if len(kinds) > 1:
        listed = ", ".join(f"{' x '.join(map(str, kind))} ({number})" for kind, number in kinds.most_common(4))
        raise ArgumentError(f"A batch needs {what} of one kind, but these {len(found)} samples have {listed}. {hint}")
