"""A packed split as tensors, where it is used, without a copy where none is needed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.shards import Images

_SHARE_OF_FREE_MEMORY = 0.5  # of a GPU, that images may take; larger sets stay in main memory and go over batch by batch


class Streamed:
    """Images on disk that are indexed like a tensor uint8 N×C×S×S: each batch is read when it is asked for."""

    device = torch.device("cpu")

    def __init__(self, images: Images) -> None:
        self._images, self.shape = images, torch.Size(images.shape)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: torch.Tensor | slice) -> torch.Tensor:
        """The images of a range, or of row numbers (int64)."""
        return torch.from_numpy(self._images[rows if isinstance(rows, slice) else rows.numpy()])


Labelled = tuple[torch.Tensor | Streamed, torch.Tensor]


def tensors(packed: Packed, device: torch.device) -> Labelled:
    """(images uint8 N×C×S×S, labels int64 N): on a GPU when they fit, else sharing the arrays' memory, which nobody may write.

    Images that stay on disk are read batch by batch.
    """
    labels = _shared(packed.labels)
    if not isinstance(packed.images, np.ndarray):
        return Streamed(packed.images), labels
    images = _shared(packed.images)
    if device.type == "cuda" and images.nbytes < _SHARE_OF_FREE_MEMORY * _free(device):
        return images.to(device), labels.to(device)
    return images, labels


def _free(device: torch.device) -> float:
    """Bytes of a GPU that this process may still take, by what others left and by its own cap."""
    free, total = torch.cuda.mem_get_info(device)
    return min(free, torch.cuda.get_per_process_memory_fraction(device) * total - torch.cuda.memory_reserved(device))


def _shared(array: npt.NDArray[Any]) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
