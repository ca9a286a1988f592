"""A Ray of our own on this machine; it starts, and torch is loaded for its workers, while the search prepares its first trial."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.search.execution import ray_processes
from pipeline.search.execution.ray_thread import RayThread
from pipeline.search.execution.worker_forks import WorkerForks

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - on Linux, where Ray keeps what processes share if it finds room there
_SHARED_MEMORY_FLOOR = 256 * 2**20  # bytes; results and checkpoints never pass through the object store


class LocalRay(RayThread):
    """Starts in the environment that ray_environment made.

    It counts a trial as one of its processors, whatever cores the trial has, so it starts as many workers as there will be trials
    at once. They are forks of a process that has loaded what they need, or load the modules that ray_environment names; then
    they wait for their first trial.
    """

    def __init__(self, slots: int, gpus: int, data_bytes: int) -> None:
        super().__init__()
        self.slots, self.gpus, self.data_bytes = slots, gpus, data_bytes
        self.forks: WorkerForks | None = None

    def start(self) -> None:
        """Begin to start it; before anything else what its workers are made of, which takes as long as all the rest."""
        if self.forks is None and WorkerForks.possible():
            self.forks = WorkerForks()
        super().start()

    def begin(self, unwanted: Callable[[], bool]) -> None:
        """Start it."""
        import ray

        ray_processes.only_what_trains(self.forks.command if self.forks else ())
        if unwanted():
            return
        object_store = _SHARED_MEMORY_FLOOR + 2 * self.data_bytes
        if line := crowded(object_store):
            print(line)
        ray.init(
            "local",  # whatever cluster this machine is a node of
            num_cpus=self.slots,
            num_gpus=self.gpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=object_store,
        )

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        super().__exit__(kind, *rest)
        if self.forks is not None:
            self.forks.close()


def crowded(wanted: int, shared_memory: Path = _SHARED_MEMORY) -> str:
    """What is to be said when so many bytes find no room in shared memory, as in a container that was given little; else "".

    Ray then keeps them in its folder on the disk, from which they are read through the system's cache.
    """
    if not shared_memory.is_dir() or (free := shutil.disk_usage(shared_memory).free) >= wanted:
        return ""
    remedy = f"a container gets more with --shm-size={-(-wanted // 2**30)}g"
    return f"{shared_memory} has {free / 1e6:.0f} MB free of {wanted / 1e6:.0f} MB: the images lie on the disk instead; {remedy}"
