"""Run a model over every item of a dataset in batches. Errors name the item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from xrv_core.errors import ArgumentError, InputError, XrvError
from xrv_core.models.base import check_input, in_eval_mode, resize_input

__all__ = ["Batch", "Loading", "check_device", "run_over"]

#: Size in the advice of an error, where the model takes images of any size.
_USUAL_SIDE = 224


@dataclass(frozen=True)
class Loading:
    """How items are read and where they are computed.

    Attributes:
        batch_size: Images per batch.
        num_workers: Processes that read images; 0 reads them in this process.
        device: Where to compute; None: where the model is.
        progress: Whether to show a progress bar; None: only on a terminal.

    Raises:
        ArgumentError: A number is out of range, or the device cannot be used.
    """

    batch_size: int = 16
    num_workers: int = 0
    device: torch.device | str | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        from xrv_core.datasets import whole_number  # models alone need no pandas

        object.__setattr__(self, "batch_size", whole_number("batch_size", self.batch_size, 1))
        object.__setattr__(self, "num_workers", whole_number("num_workers", self.num_workers, 0))
        object.__setattr__(self, "device", check_device(self.device))

    def recorded(self) -> dict[str, Any]:
        """What the record of a run says about it, as JSON data."""
        device = None if self.device is None else str(self.device)
        return {"batch_size": self.batch_size, "num_workers": self.num_workers, "device": device}


@dataclass(frozen=True)
class Batch:
    """A batch and the model's output for it.

    Attributes:
        numbers: Indices of the items.
        names: Names of the items in messages: ``Item 3 ('nih:00000001_000')``.
        images: float32 ``[B, 1, H, W]`` in [-1024, 1024], on the CPU.
        output: The unchanged output of the model.
    """

    numbers: list[int]
    names: list[str]
    images: torch.Tensor
    output: Any


def check_device(device: str | torch.device | None) -> torch.device | None:
    """``device`` as a ``torch.device`` that works on this machine.

    Raises:
        ArgumentError: The device cannot be used here.
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
    resize: bool = False,
    verb: str = "predict",
) -> tuple[int, int]:
    """Run ``model`` on every item of ``dataset``, in order, and pass each batch with its output to ``take``.

    Args:
        model: Runs in evaluation mode and without gradients; afterwards its modes are as before.
        dataset: Follows the ``Dataset`` protocol, with at least one item and square images.
        take: Called once for each batch.
        loading: How to read and compute.
        call: Computes the output of images ``[B, 1, H, W]``; default: ``model`` itself.
        resize: Whether to resize each image to ``model.input_resolution``; else they must be of one size.
        verb: Label of the progress bar.

    Returns:
        Height and width of every image.

    Raises:
        InputError: An image does not fit into its batch, the model rejects it, or its labels differ from
            ``dataset.labels``; the message names the item.
        XrvError: The dataset cannot read an item.
    """
    items = _Items(dataset, getattr(model, "input_resolution", None), resize)
    shape: tuple[int, ...] = ()
    # no_grad, not inference_mode: a model may cache tensors and need them for training later
    with _at_work(model, loading.device) as device, torch.no_grad():
        for numbers, images in _bar(items.loader(loading), loading.progress, verb):
            if shape and tuple(images.shape[-2:]) != shape:
                raise items.size_error(numbers[0], images.shape[-2:], shape)
            shape = tuple(images.shape[-2:])
            names = [items.name(number) for number in numbers]
            take(Batch(numbers, names, images, _output(call or model, images.to(device), names)))
    return shape[0], shape[1]


class _Items:
    """The dataset as a sequence of checked pairs ``(number, image)``.

    A typed error is returned as a value: a worker process that raises it would wrap it in a traceback.
    """

    def __init__(self, dataset: Any, resolution: int | None, resize: bool) -> None:
        self.dataset, self.resolution, self.resize = dataset, resolution, resize
        self.told = nn.Identity()  # stands for the model, which workers do not need: each warns once
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
                f"{self.name(number)}: its 'lab' is not row {number} of dataset.labels, so the results would compare "
                "its output with the wrong labels. Correct the dataset."
            )
        image = image.as_subclass(torch.Tensor).to(torch.float32)
        if not self.resize:
            return image
        try:
            # checked first: a resized image hides a wrong range
            return resize_input(check_input(image[None], self.told), self.resolution)[0]
        except InputError as error:
            raise InputError(f"{self.name(number)}: {error}") from error

    def loader(self, loading: Loading) -> Any:
        """Batches in the order of the items."""
        return torch.utils.data.DataLoader(
            self,  # type: ignore[arg-type]
            batch_size=loading.batch_size,
            num_workers=loading.num_workers,
            collate_fn=self.collate,
            generator=torch.Generator().manual_seed(0),  # without one it draws from the global generator
        )

    def collate(self, items: list[Any]) -> tuple[list[int], torch.Tensor] | XrvError:
        """Stack the images only: masks and other keys differ between items."""
        for item in items:
            if isinstance(item, XrvError):
                return item
            if item[1].shape != items[0][1].shape:
                return self.size_error(item[0], item[1].shape[-2:], items[0][1].shape[-2:])
        return [number for number, _ in items], torch.stack([image for _, image in items])

    def name(self, number: int) -> str:
        """The name of an item in messages."""
        return f"Item {number} ({self.uids[number]!r})"

    def size_error(self, number: int, size: Sequence[int], before: Sequence[int]) -> InputError:
        """The error for an image of another size than those before it."""
        return InputError(
            f"{self.name(number)} is {size[0]} x {size[1]} pixels, the items before it are {before[0]} x {before[1]}. "
            + self._remedy()
        )

    def _remedy(self) -> str:
        side = self.resolution or _USUAL_SIDE
        return f"Open the dataset with transform=Compose([XRayCenterCrop(), XRayResizer({side})])."


def _output(call: Callable[[torch.Tensor], Any], images: torch.Tensor, names: list[str]) -> Any:
    """The output for a batch; if the model rejects it, the error names the item."""
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
def _at_work(model: nn.Module, device: torch.device | str | None) -> Iterator[torch.device | str]:
    """Evaluation mode on ``device``; afterwards mode and device of every module are as before."""
    first = next(model.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    with in_eval_mode(model):
        if device is not None:
            model.to(device)
        try:
            yield home if device is None else device
        finally:
            if device is not None:
                model.to(home)


def _bar(loader: Any, progress: bool | None, verb: str) -> Iterator[Any]:
    """The batches, with a progress bar on stderr; raises the error that a batch carries."""
    from tqdm import tqdm

    disable = None if progress is None else not progress
    with tqdm(total=len(loader.dataset), unit="image", desc=verb, disable=disable) as bar:
        for batch in loader:
            if isinstance(batch, XrvError):
                raise batch
            yield batch
            bar.update(len(batch[0]))
