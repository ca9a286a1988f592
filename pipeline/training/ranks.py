"""One training on several devices: each process, a rank, takes its share of every batch, and all of them move the same weights.

A batch is shuffled, augmented and mixed as a whole on each rank, by the same numbers, and then divided; the gradients of the
shares add up to that of the batch. So the ranks compute what one device does, but for batch normalization, which sees a share
alone, and dropout, which draws for each share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Result = TypeVar("Result")


class OneRank:
    """A training on one device, which has every batch to itself."""

    rank, count = 0, 1

    def share(self, images: int) -> slice:
        """The part of so many images that is this rank's; of fewer than two for each the first has all."""
        if images < 2 * self.count:
            return slice(0, 0 if self.rank else images)
        return slice(images * self.rank // self.count, images * (self.rank + 1) // self.count)

    def together(self, act: Callable[[], Result], images: int) -> Result:
        """What `act` returns; what it raises on any rank is raised on every one: OutOfMemory, with so many `images` at a time."""
        return act()

    def add_up(self, network: nn.Module, backward: Callable[[], torch.Tensor], images: int) -> torch.Tensor:
        """The loss that `backward` returns and the gradients that it leaves at the weights, summed over the ranks."""
        return backward()

    def pooled(self, loss: float, confusion: npt.NDArray[np.int64]) -> tuple[float, npt.NDArray[np.int64]]:
        """Mean loss and confusion matrix of what all ranks measured on their shares."""
        return loss, confusion

    def level(self, *networks: nn.Module | None) -> None:
        """Give the statistics of batch normalization their mean over the ranks."""
