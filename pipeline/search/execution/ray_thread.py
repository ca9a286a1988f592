"""A Ray to search on: it begins when told to, while others prepare, and ends when the block is left, in a thread of its own."""

from __future__ import annotations

import gc
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Self

from pipeline.search.execution import ray_processes
from pipeline.search.interruption import take_back_signals

POLL_SECONDS = 0.1


class RayThread(ABC):
    """One of our own, or a cluster that is joined.

    One thread, which lives as long as Ray: its processes die with the thread that started them. It is a daemon, so a Ray that
    hangs keeps no one from leaving: Ctrl-C ends the wait for it, and its processes die with ours.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._started: Future[None] = Future()
        self._stopped: Future[None] = Future()
        self._to_stop = threading.Event()

    @abstractmethod
    def begin(self, unwanted: Callable[[], bool]) -> None:
        """Let `ray` be connected, unless it is `unwanted` by now."""

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.stop()
        if self._thread is not None and kind is not KeyboardInterrupt:  # who asks twice does not wait
            self._stopped.result()

    def _live(self) -> None:
        _settle(self._started, lambda: self.begin(self._to_stop.is_set))
        self._to_stop.wait()
        _settle(self._stopped, _shut_down)


def _settle(future: Future[None], act: Callable[[], None]) -> None:
    try:
        act()
    except BaseException as error:  # raised again where the future is waited for
        future.set_exception(error)
    else:
        future.set_result(None)


def _shut_down() -> None:
    """End Ray. No reference to an object of Ray's may be freed meanwhile: Ray then ends the whole process with exit code 1."""
    import ray

    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()
