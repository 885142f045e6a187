"""Run a model over every item of a dataset, in batches: loading, devices, progress, errors that name the item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from xrv_core.errors import ArgumentError, InputError, XrvError
from xrv_core.models.base import evaluating

__all__ = ["Batch", "Loading", "check_device", "run_over"]

#: What the remedy suggests for a model that takes images of any size.
_USUAL_SIDE = 224


@dataclass(frozen=True)
class Loading:
    """How items are read and where they are computed.

    Attributes:
        batch_size: Images at a time.
        num_workers: Processes that read images; 0 reads them in this one.
        device: Where to compute; None: where the model is.
        progress: Show a bar; None: only on a terminal.
    """

    batch_size: int = 16
    num_workers: int = 0
    device: torch.device | None = None
    progress: bool | None = None


@dataclass(frozen=True)
class Batch:
    """A batch, and what the model made of it.

    Attributes:
        numbers: The items.
        names: What messages call them: ``Item 3 ('nih:00000001_000')``.
        images: float32 ``[B, 1, H, W]`` in [-1024, 1024], on the CPU.
        output: What the model gave, as it gave it.
    """

    numbers: list[int]
    names: list[str]
    images: torch.Tensor
    output: Any


def check_device(device: str | torch.device | None) -> torch.device | None:
    """``device`` as torch knows it, proven to be there.

    Raises:
        ArgumentError: It cannot be used here.
    """
    if device is None:
        return None
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ArgumentError(f"device={str(device)!r} cannot be used here ({reason}). Use 'cpu' or None.") from error
    return found


def run_over(
    model: nn.Module,
    dataset: Any,
    take: Callable[[Batch], None],
    loading: Loading,
    *,
    call: Callable[[torch.Tensor], Any] | None = None,
    verb: str = "predict",
) -> tuple[int, int]:
    """Give every item of ``dataset`` to ``model``, in order, and each batch with its output to ``take``.

    Args:
        model: In evaluation mode and without gradients while this runs, and as before afterwards.
        dataset: Keeps the ``Dataset`` contract; has at least one item; its images are square and of one size.
        take: Called once for each batch.
        loading: How.
        call: Makes an output of images ``[B, 1, H, W]``; default: ``model`` itself.
        verb: Stands before the progress bar.

    Returns:
        Height and width of every image.

    Raises:
        InputError: Images that do not fit into a batch or that the model refuses, or labels that contradict
            ``dataset.labels``; the message names the item.
        XrvError: What the dataset says about an item.
    """
    items = _Items(dataset, getattr(model, "input_resolution", None) or _USUAL_SIDE)
    shape: tuple[int, ...] = ()
    # inference mode would taint what a model caches
    with _at_work(model, loading.device) as device, torch.no_grad():
        for numbers, images in _bar(items.loader(loading), loading.progress, verb):
            if shape and tuple(images.shape[-2:]) != shape:
                raise items.size_error(numbers[0], images.shape[-2:], shape)
            shape = tuple(images.shape[-2:])
            names = [items.name(number) for number in numbers]
            take(Batch(numbers, names, images, _output(call or model, images.to(device), names)))
    return shape[0], shape[1]


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
                f"{self.name(number)}: its 'lab' is not row {number} of dataset.labels, so its output would stand "
                "beside the wrong labels. Mend the dataset."
            )
        return image.as_subclass(torch.Tensor).to(torch.float32)

    def loader(self, loading: Loading) -> Any:
        """Batches of them, in order."""
        return torch.utils.data.DataLoader(
            self,  # type: ignore[arg-type]
            batch_size=loading.batch_size,
            num_workers=loading.num_workers,
            collate_fn=self.collate,
            generator=torch.Generator().manual_seed(0),  # else it draws from the global generator
        )

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


def _output(call: Callable[[torch.Tensor], Any], images: torch.Tensor, names: list[str]) -> Any:
    """The output for a batch; what the model has against it is traced to the item."""
    try:
        return call(images)
    except InputError:
        for name, image in zip(names, images, strict=True):
            try:
                call(image[None])
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
        raise


@contextmanager
def _at_work(model: nn.Module, device: torch.device | None) -> Iterator[torch.device]:
    """Evaluation mode on ``device``; afterwards every module has its own mode, and its device, back."""
    first = next(model.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    with evaluating(model):
        if device is not None:
            model.to(device)
        try:
            yield home if device is None else device
        finally:
            if device is not None:
                model.to(home)


def _bar(loader: Any, progress: bool | None, verb: str) -> Iterator[Any]:
    """The batches, with a bar on stderr; an error that a batch brought is raised here."""
    from tqdm import tqdm

    disable = None if progress is None else not progress
    with tqdm(total=len(loader.dataset), unit="image", desc=verb, disable=disable) as bar:
        for batch in loader:
            if isinstance(batch, XrvError):
                raise batch
            yield batch
            bar.update(len(batch[0]))
