"""The other processes of a trial that trains on several devices: one a device, for as long as an attempt lasts.

They are the trial's own: Ray gives its worker all the devices and knows of one process. Each trains in step with the worker,
begins an epoch when it is told to, and ends with it, however that ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.training.fit import Diverged, Training
from pipeline.training.hyperparameters import Hyperparameters
from pipeline.training.out_of_memory import OutOfMemory
from pipeline.training.ranks import OneRank, RankLost, joined

_GRACE_SECONDS = 10.0  # in which a process whose partner is gone may end by itself
_SPAWN = multiprocessing.get_context("spawn")  # a fork would not survive what CUDA began


@dataclass(frozen=True, eq=False)
class Job:
    """A training as all ranks do it."""

    hyperparameters: Hyperparameters
    recipe: Recipe
    seed: int
    device: str
    checkpoint: bytes | None
    images_at_a_time: int | None
    train: Packed
    val: Packed
    threads: int

    def training(self, ranks: OneRank, device: torch.device | str) -> Training:
        """As it stands before the next epoch."""
        return Training(
            self.hyperparameters,
            self.recipe,
            seed=self.seed,
            device=device,
            checkpoint=self.checkpoint,
            images_at_a_time=self.images_at_a_time,
            ranks=ranks,
        )


class Crew:
    """The training of a job in this process, and whom to tell that an epoch begins."""

    def __init__(self, training: Training, others: list[Connection]) -> None:
        self.training, self._others = training, others

    def begin_epoch(self) -> None:
        """Let the others begin the next one too."""
        for other in self._others:
            with contextlib.suppress(OSError):  # it is gone, which the next sum tells
                other.send("epoch")


@contextmanager
def crew(job: Job, devices: int, folder: Path) -> Iterator[Crew]:
    """While the block runs as many processes train the job as it has devices, this one among them; they meet in `folder`.

    Raises RankLost inside when one of them is gone; where that cannot be raised, this process ends.
    """
    if devices == 1:
        yield Crew(job.training(OneRank(), job.device), [])
        return
    meeting = folder / f"{uuid.uuid4().hex}.ranks"
    with _others(job, devices, meeting) as connections, joined(0, devices, _device(job, 0), meeting) as ranks:
        yield Crew(job.training(ranks, _device(job, 0)), connections)


@contextmanager
def _others(job: Job, devices: int, meeting: Path) -> Iterator[list[Connection]]:
    """The processes of all ranks but the first."""
    over = threading.Event()
    pairs = [_SPAWN.Pipe() for _ in range(1, devices)]
    processes = [
        _SPAWN.Process(target=_serve, args=(theirs, job, rank, devices, meeting), daemon=True)
        for rank, (_, theirs) in enumerate(pairs, start=1)
    ]
    try:
        for process, (_, theirs) in zip(processes, pairs, strict=True):
            process.start()
            theirs.close()
        threading.Thread(target=_watch, args=([process.sentinel for process in processes], over), daemon=True).start()
        yield [ours for ours, _ in pairs]
    finally:
        over.set()
        for ours, _ in pairs:
            ours.close()
        for process in processes:
            _end(process)
        meeting.unlink(missing_ok=True)


def _end(process: multiprocessing.process.BaseProcess) -> None:
    """Its closed connection tells it to leave."""
    if process.pid is not None:
        process.join(_GRACE_SECONDS)
        process.kill()
        process.join()


def _watch(sentinels: list[int], over: threading.Event) -> None:
    """When another process is gone, end this one too, unless it leaves the training by itself: on GPUs a sum waits for ever."""
    wait(sentinels)
    if not over.wait(_GRACE_SECONDS):
        os._exit(1)


def _serve(connection: Connection, job: Job, rank: int, devices: int, meeting: Path) -> None:
    """The life of another process: an epoch each time it is told to begin one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is asked to stop tells us
    inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    torch.set_num_threads(job.threads)
    device = _device(job, rank)
    with contextlib.suppress(Diverged, OutOfMemory, RankLost), joined(rank, devices, device, meeting) as ranks:
        epochs = job.training(ranks, device).fit(job.train, job.val)
        while inbox.get() is not None:
            next(epochs)


def _receive(connection: Connection, inbox: queue.SimpleQueue[str | None]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    inbox.put(None)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)  # the first process is gone, and we wait for it in a sum


def _device(job: Job, rank: int) -> torch.device:
    return torch.device("cuda", rank) if job.device == "cuda" else torch.device(job.device)
