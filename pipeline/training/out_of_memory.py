"""Training that does not fit into memory: told from other errors, and done again with fewer images at a time.

The batch of a step stays what the hyperparameters say: it goes through the network in parts, whose gradients add up.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psutil
import torch

from pipeline.training.halving import fewer

GIBIBYTE = 2**30

Item = TypeVar("Item")

# What an allocation that was refused says, other than torch.OutOfMemoryError and MemoryError. The last two are oneDNN's; of
# what it does not support it says that it could not create a primitive descriptor.
_REFUSALS = re.compile(
    "can't allocate memory|not enough memory|std::bad_alloc|alloc_failed"
    "|could not create a memory|could not create a primitive(?! descriptor)",
    re.IGNORECASE,
)
_ATTEMPT = re.compile(r"tried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB)", re.IGNORECASE)
_UNITS = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class OutOfMemory(Exception):
    """More than `needed_bytes` of memory are needed to train with `images` at a time; 0 images: to hold the network at all."""

    def __init__(self, needed_bytes: int, images: int) -> None:
        super().__init__(needed_bytes, images)
        self.needed_bytes, self.images = needed_bytes, images

    def __str__(self) -> str:
        at_a_time = f"to train with {self.images} images at a time" if self.images else "to hold the network"
        return f"needs more than {self.needed_bytes / GIBIBYTE:.2f} GiB {at_a_time}"


@contextmanager
def memory_refused(images: int, device: torch.device) -> Iterator[None]:
    """Inside, an allocation that is refused, on the device or in main memory, becomes OutOfMemory."""
    try:
        yield
    except Exception as error:
        if not _is_refusal(error):
            raise
        raise OutOfMemory(_in_use(device) + _attempted(error), images) from None


def within_memory(attempt: Callable[[int | None], Iterator[Item]], images: int | None = None) -> Iterator[Item]:
    """What `attempt(images)` yields; each time it runs out of memory, what it does with half as many images at a time.

    `attempt` must hold nothing of itself when it is called again, and go on after the last item that counted. Raises
    OutOfMemory when there is no half.
    """
    while True:
        try:
            yield from attempt(images)
            return
        except OutOfMemory as refusal:  # which holds the frames of the attempt and so its tensors, until this block is left
            needed, tried = refusal.needed_bytes, refusal.images
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where CUDA was not used
        images = fewer(tried)
        if images is None:
            raise OutOfMemory(needed, tried)


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and _REFUSALS.search(str(error)) is not None


def _attempted(error: Exception) -> int:
    """Bytes of the allocation that was refused, as far as its text says."""
    found = _ATTEMPT.search(str(error))
    return int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0


def _in_use(device: torch.device) -> int:
    """Bytes that this process has: of the device's memory, or of main memory."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    resident: int = psutil.Process().memory_info().rss
    return resident
