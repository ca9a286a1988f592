"""One training on several devices: each process, a rank, takes its share of every batch, and all of them move the same weights.

A batch is shuffled, augmented and mixed as a whole on each rank, by the same numbers, and then divided; the gradients of the
shares add up to that of the batch. So the ranks compute what one device does, but for batch normalization, which sees a share
alone, and dropout, which draws for each share.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pipeline.training.out_of_memory import OutOfMemory, memory_refused

Result = TypeVar("Result")

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
_LONGEST_STEP = timedelta(minutes=10)  # that ranks wait for each other


class RankLost(Exception):
    """Another rank is gone: no fault of the training, which goes on from its last checkpoint."""


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


class Ranks(OneRank):
    """A training on several devices, as rank `rank` of `count`; made by `joined`. Any method raises RankLost."""

    def __init__(self, rank: int, count: int, device: torch.device) -> None:
        self.rank, self.count, self._device = rank, count, device

    def together(self, act: Callable[[], Result], images: int) -> Result:
        """As of one rank; of an error other than OutOfMemory the others learn that there was one."""
        result, failure = None, None
        try:
            with memory_refused(images, self._device):
                result = act()
        except Exception as error:  # raised below, when the others know of it
            failure = error
        needed = max(1, failure.needed_bytes) if isinstance(failure, OutOfMemory) else 0
        worst = torch.tensor([needed, failure is not None and not needed], dtype=torch.int64)
        self._reduce(worst, torch.distributed.ReduceOp.MAX)
        if failure is not None:
            raise failure
        if worst[1]:
            raise ChildProcessError("the part of this training on another device failed")
        if worst[0]:
            raise OutOfMemory(int(worst[0]), images)
        return result  # type: ignore[return-value]  # None only where `act` returned it

    def add_up(self, network: nn.Module, backward: Callable[[], torch.Tensor], images: int) -> torch.Tensor:
        """In one sum over the ranks."""
        weights = [weight for weight in network.parameters() if weight.requires_grad]

        def flat() -> torch.Tensor:
            loss = backward()
            for weight in weights:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
            return torch.cat([*(_gradient(weight).reshape(-1) for weight in weights), loss.reshape(1)])

        summed = self.together(flat, images)
        self._reduce(summed)
        parts = summed.split([*(weight.numel() for weight in weights), 1])
        for weight, part in zip(weights, parts, strict=False):  # the last part is the loss
            _gradient(weight).copy_(part.view(weight.shape))
        return summed[-1]

    def pooled(self, loss: float, confusion: npt.NDArray[np.int64]) -> tuple[float, npt.NDArray[np.int64]]:
        """Weighed by the images of each."""
        counts = torch.from_numpy(confusion)
        mine = int(confusion.sum())
        losses = torch.tensor([loss * mine if mine else 0.0, mine], dtype=torch.float64)
        self._reduce(counts)
        self._reduce(losses)
        return float(losses[0] / losses[1]), confusion

    def level(self, *networks: nn.Module | None) -> None:
        """One sum for each of the numbers."""
        for network in networks:
            for values in network.buffers() if network is not None else ():
                if values.is_floating_point():
                    self._reduce(values)
                    values.div_(self.count)

    def _reduce(self, values: torch.Tensor, operation: object = None) -> None:
        try:
            torch.distributed.all_reduce(values, torch.distributed.ReduceOp.SUM if operation is None else operation)
        except RuntimeError as error:
            raise RankLost(str(error)) from error


def _gradient(weight: nn.Parameter) -> torch.Tensor:
    assert weight.grad is not None, "every weight is given one"
    return weight.grad


@contextmanager
def joined(rank: int, count: int, device: torch.device, meeting: Path) -> Iterator[Ranks]:
    """While the block runs this process is one of `count` on this machine, which meet by a file that is not there yet."""
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[name] = _LOOPBACK  # nobody else is to be let in
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group(
        backend, init_method=meeting.absolute().as_uri(), rank=rank, world_size=count, timeout=_LONGEST_STEP
    )
    try:
        yield Ranks(rank, count, device)
    finally:
        torch.distributed.destroy_process_group()
