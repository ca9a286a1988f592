"""Two processes that do the same as ranks of one training, and what came of it in each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.training.out_of_memory import OutOfMemory
from pipeline.training.ranks import Ranks, joined

CPU = torch.device("cpu")


def both(folder: Path) -> list[dict[str, Any]]:
    """What `everything` found, by rank."""
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=_other, args=(theirs, folder / "meeting"), daemon=True)
    other.start()
    with joined(0, 2, CPU, folder / "meeting") as ranks:
        here = everything(ranks)
        there = ours.recv()
    other.join(30)
    return [here, there]


def everything(ranks: Ranks) -> dict[str, Any]:
    """Each method of Ranks, with other numbers on each rank."""
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    statistics = network[1].running_mean
    statistics.fill_(float(ranks.rank))
    ranks.level(network, None)
    dense = network[0]

    def backward() -> torch.Tensor:
        if ranks.rank:  # of the other there is no image in the batch
            dense(torch.ones(4, 3)).sum().backward()
        return torch.tensor(0.25 * ranks.rank)

    loss = ranks.add_up(dense, backward, 4)
    confusion = torch.tensor([[3, 1], [0, 0]] if ranks.rank else [[0, 0], [0, 2]]).numpy()
    return {
        "shares": [ranks.share(images) for images in (16, 5, 3, 0)],
        "statistics": statistics.tolist(),
        "loss": float(loss),
        "gradients": [sorted({*weight.grad.flatten().tolist()}) for weight in dense.parameters()],
        "pooled": [part if isinstance(part, float) else part.tolist() for part in ranks.pooled(0.5 + ranks.rank, confusion)],
        "fine": ranks.together(lambda: ranks.rank, 4),
        "too little memory": _raised(
            lambda: ranks.together(lambda: _fail(ranks, torch.OutOfMemoryError("tried to allocate 2 GiB")), 8)
        ),
        "an error": _raised(lambda: ranks.together(lambda: _fail(ranks, ValueError("of code")), 8)),
    }


def _fail(ranks: Ranks, error: Exception) -> None:
    """On the second rank alone."""
    if ranks.rank:
        raise error


def _raised(act: Callable[[], None]) -> tuple[str, float]:
    try:
        act()
    except Exception as error:
        return type(error).__name__, error.needed_bytes / 2**30 if isinstance(error, OutOfMemory) else 0.0
    return "", 0.0


def _other(connection: Connection, meeting: Path) -> None:
    with joined(1, 2, CPU, meeting) as ranks:
        connection.send(everything(ranks))
