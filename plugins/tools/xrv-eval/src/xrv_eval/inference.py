"""Predictions of a classifier for every item of a dataset, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, InputError, XrvError
from xrv_eval.alignment import Alignment

__all__ = ["Loading", "Predicted", "check_device", "infer"]


@dataclass(frozen=True)
class Loading:
    """How items are read and where they are computed.

    Attributes:
        batch_size: Images at a time.
        num_workers: Processes that read images; 0 reads them in this one.
        device: Where to compute; None: where the classifier is.
        progress: Show a bar; None: only on a terminal.
    """

    batch_size: int = 16
    num_workers: int = 0
    device: torch.device | None = None
    progress: bool | None = None


@dataclass(frozen=True)
class Predicted:
    """What inference gives.

    Attributes:
        predictions: float32 ``[N, P]`` in 0..1, columns in the order of the alignment.
        images: The images asked for, by item: float32 ``[H, W]`` in [-1024, 1024], as the classifier saw them.
        shape: Height and width of every image.
    """

    predictions: NDArray[np.float32]
    images: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    shape: tuple[int, int] = (0, 0)


def check_device(device: str | torch.device | None) -> torch.device | None:
    """``device`` as torch knows it, proven to be there."""
    if device is None:
        return None
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ArgumentError(f"device={str(device)!r} cannot be used here ({reason}). Use 'cpu' or None.") from error
    return found


def infer(classifier: Any, dataset: Any, alignment: Alignment, keep: Sequence[int], loading: Loading) -> Predicted:
    """Run ``classifier`` over ``dataset``.

    Args:
        classifier: In eval mode while this runs, and as before afterwards.
        dataset: N items.
        alignment: Which columns to keep.
        keep: Items whose image is kept.
        loading: How.

    Raises:
        InputError: Images that do not fit into a batch, labels that contradict ``dataset.labels``, or an output of
            the wrong shape, with NaN in a trained head, or outside 0..1 of a calibrated classifier.
    """
    side = getattr(classifier, "input_resolution", None) or 224
    items = _Items(dataset, side)
    loader: Any = torch.utils.data.DataLoader(
        items,  # type: ignore[arg-type]
        batch_size=loading.batch_size,
        num_workers=loading.num_workers,
        collate_fn=items.collate,
        generator=torch.Generator().manual_seed(0),  # else it draws from the global generator
    )
    wanted, kept, rows = set(keep), {}, []
    shape: tuple[int, ...] = ()
    with (
        _in_eval_mode(classifier, loading.device) as device,
        torch.no_grad(),
    ):  # inference mode would taint what a model caches
        for numbers, images in _bar(loader, loading.progress):
            if shape and tuple(images.shape[-2:]) != shape:
                raise items.size_error(numbers[0], images.shape[-2:], shape)
            shape = tuple(images.shape[-2:])
            output = _forward(classifier, images.to(device), numbers, items)
            rows.append(_checked(classifier, output, alignment, numbers, items))
            kept.update({n: images[i, 0].numpy().copy() for i, n in enumerate(numbers) if n in wanted})
    return Predicted(np.concatenate(rows), kept, (shape[0], shape[1]))


class _Items:
    """The dataset, one checked ``(number, image)`` at a time.

    A typed error is handed over as a value: raised inside a worker process, it would arrive wrapped in a traceback.
    """

    def __init__(self, dataset: Any, side: int) -> None:
        self.dataset, self.side = dataset, side
        self.labels = np.asarray(dataset.labels)
        self.uids = [str(uid) for uid in dataset.csv["source_uid"]]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[int, torch.Tensor] | XrvError:
        try:
            sample = self.dataset[number]
            return number, self._image(number, sample)
        except XrvError as error:
            return error

    def _image(self, number: int, sample: Any) -> torch.Tensor:
        image = sample["img"]
        if not isinstance(image, torch.Tensor) or image.ndim != 3 or image.shape[0] != 1:
            got = tuple(image.shape) if hasattr(image, "shape") else "no shape"
            raise InputError(
                f"{self.name(number)}: the image is a {type(image).__name__} of {got}, "
                "expected a float32 tensor of shape (1, H, W)."
            )
        if image.shape[1] != image.shape[2]:
            raise InputError(
                f"{self.name(number)} is {image.shape[1]} x {image.shape[2]} pixels (height x width), not square. "
                + self._remedy()
            )
        if not np.array_equal(np.asarray(sample["lab"]), self.labels[number], equal_nan=True):
            raise InputError(
                f"{self.name(number)}: its 'lab' is not row {number} of dataset.labels, so predictions would be "
                "compared with the wrong labels. Mend the dataset."
            )
        return image.as_subclass(torch.Tensor).to(torch.float32)

    def collate(self, items: list[Any]) -> tuple[list[int], torch.Tensor] | XrvError:
        """Stack the images only; masks of any number and kind stay behind."""
        for item in items:
            if isinstance(item, XrvError):
                return item
            if item[1].shape != items[0][1].shape:
                return self.size_error(item[0], item[1].shape[-2:], items[0][1].shape[-2:])
        return [number for number, _ in items], torch.stack([image for _, image in items])

    def name(self, number: int) -> str:
        """An item, as messages call it."""
        return f"Item {number} ({self.uids[number]!r})"

    def size_error(self, number: int, size: Sequence[int], before: Sequence[int]) -> InputError:
        """Two images that do not fit into one batch."""
        return InputError(
            f"{self.name(number)} is {size[0]} x {size[1]} pixels, the items before it are {before[0]} x {before[1]}. "
            + self._remedy()
        )

    def _remedy(self) -> str:
        return f"Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer({self.side})])."


def _forward(classifier: Any, images: torch.Tensor, numbers: list[int], items: _Items) -> Any:
    """The classifier's output; what it has against a batch is traced to the item."""
    try:
        return classifier(images)
    except InputError:
        for number, image in zip(numbers, images, strict=True):
            try:
                classifier(image[None])
            except InputError as error:
                raise InputError(f"{items.name(number)}: {error}") from error
        raise


def _checked(
    classifier: Any, output: Any, alignment: Alignment, numbers: list[int], items: _Items
) -> NDArray[np.float32]:
    """The evaluated columns of one batch's output, as probabilities."""
    expected = (len(numbers), len(classifier.pathologies))
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != expected:
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(
            f"The classifier gave {got} for {expected[0]} images and {expected[1]} pathologies, "
            f"expected a tensor of shape {expected}."
        )
    columns = output[:, alignment.classifier_columns].to(torch.float32)
    values: NDArray[np.float32] = (columns.sigmoid() if classifier.op_threshs is None else columns).cpu().numpy()
    for row, column in np.argwhere(np.isnan(values))[:1]:
        raise InputError(
            f"{items.name(numbers[row])}: the classifier's output for {alignment.pathologies[column]!r} is NaN, "
            "although that head is trained. Look for NaN in the pixels of this item, in the weights and in op_threshs."
        )
    for row, column in np.argwhere((values < 0) | (values > 1))[:1]:
        raise InputError(
            f"{items.name(numbers[row])}: the classifier's output for {alignment.pathologies[column]!r} is "
            f"{values[row, column]:.4g}, but with op_threshs set it must lie in 0..1. "
            "Set op_threshs = None if the output is logits."
        )
    return values


@contextmanager
def _in_eval_mode(classifier: torch.nn.Module, device: torch.device | None) -> Iterator[torch.device]:
    """Eval mode on ``device``; afterwards every module has its own mode, and its device, back."""
    modes = {module: module.training for module in classifier.modules()}
    first = next(classifier.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    classifier.eval()
    if device is not None:
        classifier.to(device)
    try:
        yield home if device is None else device
    finally:
        for module, training in modes.items():
            module.training = training
        if device is not None:
            classifier.to(home)


def _bar(loader: Any, progress: bool | None) -> Iterator[Any]:
    """The batches, with a bar on stderr; an error that a batch brought is raised here."""
    from tqdm import tqdm

    disable = None if progress is None else not progress
    with tqdm(total=len(loader.dataset), unit="image", desc="predict", disable=disable) as bar:
        for batch in loader:
            if isinstance(batch, XrvError):
                raise batch
            yield batch
            bar.update(len(batch[0]))
