"""The process that the workers of a search are forks of: it loads what they need, then forks for whoever asks.

What Ray needs to know of a worker, its number too, it hears from the worker itself.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from pipeline.search.execution import fork_request, forked_worker
from pipeline.search.execution.forked_worker import Request

_POOLS = 8  # of random numbers, which the threads of Ray's library take in turn
_NO_JOB = "ffffffff"  # a worker that waits for its first task belongs to none yet


class Fork:
    """A worker that runs, as its parent sees it."""

    def __init__(self, pid: int, waiting: socket.socket) -> None:
        """`waiting`: to whom its end is told."""
        self.pid, self.waiting, self.ended = pid, waiting, os.pidfd_open(pid)

    def sources(self) -> tuple[int, int]:
        """What can be read from when it has ended, or when who waits for it was ended in its place."""
        return self.ended, self.waiting.fileno()

    def end(self) -> None:
        """Whichever of the two it was."""
        signal.pidfd_send_signal(self.ended, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(OSError):
            self.waiting.sendall(str(code).encode())
        self.close()

    def close(self) -> None:
        """Forget it."""
        os.close(self.ended)
        self.waiting.close()


class Parent:
    """One thread, since a fork has no others: it waits for requests, ends of workers, and the end of who wants them."""

    def __init__(self, listener: socket.socket, lifeline: int) -> None:
        """`lifeline`: can be read from when the driver is gone."""
        self._listener, self._lifeline = listener, lifeline
        self._raylet: int | None = None
        self._forks: dict[int, Fork] = {}
        self._poll = select.poll()
        for source in (lifeline, listener.fileno()):
            self._poll.register(source, select.POLLIN)

    def serve(self) -> Request | None:
        """None when the driver or Ray is gone, and with them all workers; in each fork, what it is to become."""
        while True:
            for source, _ in self._poll.poll():
                if source in (self._lifeline, self._raylet):
                    for fork in {*self._forks.values()}:
                        fork.end()
                    return None
                if source in self._forks:
                    self._end(self._forks[source])
                elif source == self._listener.fileno() and (request := self._asked()) is not None:
                    return request

    def _asked(self) -> Request | None:
        """The request, in the fork that it is about."""
        connection = self._listener.accept()[0]
        request = forked_worker.received(connection)
        if request is None:
            connection.close()
            return None
        self._live_as_long_as(int(request.environment["RAY_RAYLET_PID"]))
        _draw_other_numbers()
        pid = os.fork()
        if pid == 0:
            self._forget(connection)
            return request
        forked_worker.close(request.streams)
        fork = Fork(pid, connection)
        for source in fork.sources():
            self._forks[source] = fork
            self._poll.register(source, select.POLLIN)
        with contextlib.suppress(OSError):
            connection.sendall(fork_request.FORKED)
        return None

    def _live_as_long_as(self, raylet: int) -> None:
        """Nobody is to train for a Ray that is gone."""
        if self._raylet is None:
            self._raylet = os.pidfd_open(raylet)
            self._poll.register(self._raylet, select.POLLIN)

    def _end(self, fork: Fork) -> None:
        for source in fork.sources():
            self._poll.unregister(source)
            del self._forks[source]
        fork.end()

    def _forget(self, connection: socket.socket) -> None:
        """In a fork: close what is its parent's business."""
        for fork in {*self._forks.values()}:
            fork.close()
        if self._raylet is not None:
            os.close(self._raylet)
        connection.close()
        self._listener.close()


def main(listener: int, folder: Path) -> None:
    """Load, then fork for whoever asks, until the driver is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as Ray does it for its own
    # Ray's library reads these once, when it is loaded. A worker ends by itself when the process that the second names is gone.
    os.environ.update(RAY_JOB_ID=_NO_JOB, RAY_RAYLET_PID=str(os.getpid()))
    _load()
    request = Parent(socket.socket(fileno=listener), sys.stdin.fileno()).serve()
    if request is None:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    forked_worker.become(request)


def _load() -> None:
    """What every worker needs."""
    import ray._private.workers.default_worker  # noqa: F401

    import pipeline.search.execution.trial
    import pipeline.search.execution.worker  # noqa: F401

    gc.collect()
    gc.freeze()  # no search for garbage in a worker looks through these, nor copies their pages


def _draw_other_numbers() -> None:
    """A fork goes on with the random numbers of Ray's library where its parent is, so the parent goes on before each."""
    from ray import ObjectRef

    threads = [threading.Thread(target=ObjectRef.from_random) for _ in range(_POOLS)]
    for thread in threads:
        thread.start()
    ObjectRef.from_random()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
