"""Being asked to stop: Ctrl-C, SIGTERM, or the process that started us is gone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pipeline.search.orphan import Process

POLL_SECONDS = 1.0
HEAD_GONE = "the head of the cluster does not answer"
EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "parent gone": 143, HEAD_GONE: 143}


class Asked:
    """Takes in why to stop from the first moment on, and passes it on once there is someone to be told."""

    def __init__(self) -> None:
        self.why = ""  # empty as long as nobody has asked
        self._told: Callable[[str], None] | None = None

    def stop(self, why: str) -> None:
        """Safe in a signal handler."""
        self.why = self.why or why
        if self._told is not None:
            self._told(why)

    def tell(self, stop: Callable[[str], None]) -> None:
        """From now on pass it on to `stop`, beginning with what was asked before; `stop` may hear of that twice."""
        self._told = stop
        if self.why:
            stop(self.why)


@contextmanager
def interruptible(stop: Callable[[str], None], watched: Sequence[Process]) -> Iterator[None]:
    """While the block runs, call `stop(why)` on a signal or when a watched process ends, instead of dying at once.

    A second signal of the same kind acts as usual. To be used in the main thread.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.alarm(0)  # Ray's handler may have run first: it lets the process abort in three seconds
        signal.signal(number, before[signal.Signals(number)])
        stop(signal.Signals(number).name)

    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, on_signal)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(stop, watched, ended), name="parent-watch", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def take_back_signals() -> None:
    """Put Python's own handlers first again: Ray installs one of its own, which prints where the process stands and aborts it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if (handler := signal.getsignal(number)) is not None:
            signal.signal(number, handler)


def _watch(stop: Callable[[str], None], watched: Sequence[Process], ended: threading.Event) -> None:
    while watched and not ended.wait(POLL_SECONDS):
        if not all(process.alive() for process in watched):
            stop("parent gone")
            return
