"""Image files as pixels for a model, read here or in other processes; one that cannot be read gives its error."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from xrv_core.errors import ImageError, XrvError, reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Read = NDArray[np.float32] | XrvError

__all__ = ["read_all", "read_one"]

_AHEAD = 4  # images that wait for each process


def read_one(file: Path, resolution: int | None) -> Read:
    """Decode, crop the centre square, and resize as the published models were trained: ``[1, S, S]``; or the error."""
    from xrv_core.datasets import XRayCenterCrop, XRayResizer, load_image

    try:
        with reading(file, ImageError):
            pixels = XRayCenterCrop()(load_image(file))
            resized: NDArray[np.float32] = XRayResizer(resolution)(pixels) if resolution else pixels
            return resized
    except XrvError as error:
        return error


def read_all(files: Sequence[Path], resolution: int | None, num_workers: int) -> Iterator[Read]:
    """``read_one`` of each file, in order.

    If a process ends while it reads, as when the memory is used up, the files that were being read are read again one
    at a time. So the one that ends it is known, and only that one has no pixels.
    """
    if not num_workers:
        yield from (read_one(file, resolution) for file in files)
        return
    at = suspects = 0
    while at < len(files):
        single = at < suspects
        end, processes, ahead = (suspects, 1, 1) if single else (len(files), num_workers, _AHEAD * num_workers)
        # fork does not copy threads, so a process needs its own setting of torch
        pool = ProcessPoolExecutor(processes, initializer=_begin, initargs=(os.getpid(),))
        waiting: deque[Future[Read]] = deque()
        try:
            while at < end:
                while len(waiting) < ahead and at + len(waiting) < end:
                    waiting.append(pool.submit(read_one, files[at + len(waiting)], resolution))
                try:
                    found = waiting.popleft().result()
                except SystemExit:
                    found = ImageError(f"{files[at]}: cannot be read, as its decoder asked the process to end.")
                yield found
                at += 1
        except BrokenProcessPool:
            if single:
                yield ImageError(
                    f"{files[at]}: the process that read it was ended by the system. Perhaps the image needs more "
                    "memory than there is."
                )
                at += 1
            else:
                suspects = min(at + ahead, end)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(parent: int) -> None:
    """In a reading process: leave Ctrl-C to the parent, end with it, and use one thread."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
