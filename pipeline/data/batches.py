"""The order in which an epoch reads its samples."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pipeline.data.seeds import generator


def batches(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[torch.Tensor]:
    """Row indices (int64) of each batch of an epoch: a permutation of range(count) that depends on (seed, epoch) alone.

    The last batch may be smaller. A last batch of one sample is left out, because batch normalization cannot train on it,
    unless it is the only one.
    """
    order = torch.randperm(count, generator=generator("order", seed, epoch))
    for batch in order.split(batch_size):
        if len(batch) > 1 or count == 1 or batch_size == 1:
            yield batch
