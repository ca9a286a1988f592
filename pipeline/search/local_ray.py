"""A Ray of our own on this machine; it starts, and its workers load torch, while the search prepares its first trial."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from pipeline.search import ray_processes
from pipeline.search.interruption import take_back_signals

POLL_SECONDS = 0.1
_SHARED_MEMORY_FLOOR = 256 * 2**20  # bytes; results and checkpoints never pass through the object store


@dataclass
class LocalRay:
    """Starts when told to, in the environment that ray_environment made, and ends when the block is left; both in a thread.

    It counts a trial as one of its processors, whatever cores the trial has, so it starts as many workers as there will be trials
    at once; each loads the modules that ray_environment names and waits for its first trial.

    One thread, which lives as long as Ray: its processes die with the thread that started them. It is a daemon, so a Ray that
    hangs keeps no one from leaving: Ctrl-C ends the wait for it, and its processes die with ours.
    """

    slots: int
    gpus: int
    data_bytes: int
    _thread: threading.Thread | None = None
    _started: Future[None] = field(default_factory=Future)
    _stopped: Future[None] = field(default_factory=Future)
    _to_stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to start; returns as soon as others may import: one interpreter imports Ray and something else no faster."""
        if self._thread is None:
            import ray  # noqa: F401

            self._thread = threading.Thread(target=self._live, name="ray", daemon=True)
            self._thread.start()

    def ready(self, wanted: Callable[[], bool]) -> bool:
        """Wait in the main thread until it can be used, while it is wanted; whether both hold. Raises what hinders it."""
        self.start()
        while wanted():
            if wait([self._started], POLL_SECONDS).done:
                self._started.result()
                take_back_signals()
                ray_processes.trials_in_waiting_workers()
                return wanted()
        return False

    def stop(self) -> None:
        """Begin to end it; returns at once."""
        self._to_stop.set()

    def __enter__(self) -> LocalRay:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.stop()
        if self._thread is not None and kind is not KeyboardInterrupt:  # who asks twice does not wait
            self._stopped.result()

    def _live(self) -> None:
        _settle(self._started, lambda: _start(self, self._to_stop.is_set))
        self._to_stop.wait()
        _settle(self._stopped, _stop)


def _settle(future: Future[None], act: Callable[[], None]) -> None:
    try:
        act()
    except BaseException as error:  # raised again where the future is waited for
        future.set_exception(error)
    else:
        future.set_result(None)


def _start(local: LocalRay, unwanted: Callable[[], bool]) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)  # a worker that dies is retried; one that keeps dying is reported
    ray_processes.only_what_trains()
    if unwanted():
        return
    ray.init(
        num_cpus=local.slots,
        num_gpus=local.gpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=_SHARED_MEMORY_FLOOR + 2 * local.data_bytes,
    )


def _stop() -> None:
    """End Ray. No reference to an object of Ray's may be freed meanwhile: Ray then ends the whole process with exit code 1."""
    import ray

    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()
