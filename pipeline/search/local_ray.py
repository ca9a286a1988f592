"""A Ray of our own on this machine; it starts, and its workers load torch, while the search prepares its first trial."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pipeline.search.resources import Resources

_SHARED_MEMORY_FLOOR = 256 * 2**20  # bytes; results and checkpoints never pass through the object store


@dataclass
class LocalRay:
    """Starts when told to, in the environment that ray_environment made, and ends when the block is left; both in a thread."""

    resources: Resources
    cpus: int
    gpus: int
    data_bytes: int
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "ray"))
    _started: Future[None] | None = None
    _stopped: Future[None] | None = None

    def start(self) -> None:
        """Begin to start; returns at once."""
        self._started = self._started or self._thread.submit(_start, self)

    def ready(self) -> None:
        """Wait until it can be used; raises what hinders it."""
        self.start()
        assert self._started is not None
        self._started.result()

    def stop(self) -> None:
        """Begin to end it; returns at once."""
        if self._started is not None:
            self._stopped = self._stopped or self._thread.submit(_stop)

    def __enter__(self) -> LocalRay:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()
        self._thread.shutdown()
        if self._stopped is not None:
            self._stopped.result()


def _start(local: LocalRay) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # a worker that dies is retried; one that keeps dying is reported
    ray._private.worker._worker_logs_enabled = False  # the raylet's essay on each dead worker, which no option turns off
    _without_onlookers()
    ray.init(
        num_cpus=local.cpus,
        num_gpus=local.gpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=_SHARED_MEMORY_FLOOR + 2 * local.data_bytes,
    )
    warm_up = ray.remote(num_cpus=local.resources.cpus, num_gpus=0, max_retries=0)(_warm_up)
    for _ in range(local.resources.slots):
        warm_up.remote()


def _without_onlookers() -> None:
    """Leave out what only looks on: the server of the dashboard, the collector of logs, the autoscaler.

    No option of `ray.init` does, though nobody uses them here; each is a process that imports Ray while the first trials wait.
    """
    from ray._private.node import Node

    def nothing(node: Node, **_: Any) -> None:
        node._webui_url = ""

    for name in ("start_api_server", "start_log_monitor", "start_monitor"):
        setattr(Node, name, nothing)


def _stop() -> None:
    import ray

    ray.shutdown()


def _warm_up() -> None:
    """Load in a process that waits for its first trial what every trial needs; a GPU is not touched."""
    import pipeline.search.trial
    import pipeline.search.worker  # noqa: F401
