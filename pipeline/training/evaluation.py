"""A network measured on labelled images: loss, probabilities, confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.training.loss import cross_entropy, probabilities
from pipeline.training.tensors import Streamed

LARGEST_BATCH = 1024
# Pixels of one channel at a time: on a CPU what its cache holds with the feature maps (as fast as it gets, measured),
# elsewhere what keeps the feature maps of large images from filling the memory.
_PIXELS_AT_A_TIME = {"cpu": 2**17, "cuda": 2**21}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """loss: mean cross-entropy; probabilities: float32 N×n in the order of the images; confusion: int64 n×n, true × predicted."""

    loss: float
    probabilities: npt.NDArray[np.float32]
    confusion: npt.NDArray[np.int64]


def evaluate(
    network: nn.Module,
    standardize: nn.Module,
    images: torch.Tensor | Streamed,
    labels: torch.Tensor,
    batch_size: int = LARGEST_BATCH,
    rows: slice | None = None,
) -> Evaluation:
    """The network, left in evaluation mode, on uint8 N×C×S×S and int64 N; fewer than `batch_size` at a time if they are large.

    `rows`: on these alone; of none the loss is NaN.
    """
    network.eval()
    device = next(network.parameters()).device
    batch_size = max(1, min(batch_size, _PIXELS_AT_A_TIME[device.type] // images.shape[2:].numel()))
    with torch.inference_mode():
        first, last = (0, len(images)) if rows is None else (rows.start, rows.stop)
        starts = range(first, max(last, first + 1), batch_size)
        parts = [network(standardize(images[start : min(start + batch_size, last)].to(device))) for start in starts]
        logits, labels = torch.cat(parts).float(), labels[first:last].to(device)
        found = probabilities(logits)
        return Evaluation(
            loss=float(cross_entropy(logits, labels)),
            probabilities=found.cpu().numpy(),
            confusion=_confusion(labels, found).cpu().numpy(),
        )


def _confusion(labels: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    classes = found.shape[1]
    return torch.bincount(labels * classes + found.argmax(1), minlength=classes**2).view(classes, classes)
