"""A packed split as tensors, where it is used, without a copy where none is needed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy.typing as npt
import torch

from pipeline.data.preparation.packed import Packed

_SHARE_OF_FREE_MEMORY = 0.5  # of a GPU, that images may take; larger sets stay in main memory and go over batch by batch


def tensors(packed: Packed, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(images uint8 N×C×S×S, labels int64 N): on a GPU when they fit, else sharing the arrays' memory, which nobody may write."""
    images, labels = _shared(packed.images), _shared(packed.labels)
    if device.type == "cuda" and images.nbytes < _SHARE_OF_FREE_MEMORY * torch.cuda.mem_get_info(device)[0]:
        return images.to(device), labels.to(device)
    return images, labels


def _shared(array: npt.NDArray[Any]) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
