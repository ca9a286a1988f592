"""A Ray of our own on this machine; it starts, and its workers load torch, while the search prepares its first trial."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipeline.search import ray_processes
from pipeline.search.ray_thread import RayThread

_SHARED_MEMORY_FLOOR = 256 * 2**20  # bytes; results and checkpoints never pass through the object store


class LocalRay(RayThread):
    """Starts in the environment that ray_environment made.

    It counts a trial as one of its processors, whatever cores the trial has, so it starts as many workers as there will be trials
    at once; each loads the modules that ray_environment names and waits for its first trial.
    """

    def __init__(self, slots: int, gpus: int, data_bytes: int) -> None:
        super().__init__()
        self.slots, self.gpus, self.data_bytes = slots, gpus, data_bytes

    def begin(self, unwanted: Callable[[], bool]) -> None:
        """Start it."""
        _start(self, unwanted)


def _start(local: LocalRay, unwanted: Callable[[], bool]) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # a worker that dies is retried; one that keeps dying is reported
    ray_processes.only_what_trains()
    if unwanted():
        return
    ray.init(
        "local",  # whatever cluster this machine is a node of
        num_cpus=local.slots,
        num_gpus=local.gpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=_SHARED_MEMORY_FLOOR + 2 * local.data_bytes,
    )
