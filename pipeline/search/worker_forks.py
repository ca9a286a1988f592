"""Workers as forks of one process that has loaded torch, which it does while Ray starts, and once for all of them.

Ray starts a process for each worker, which imports Ray, torch and Ray Tune: seconds of every core before the first trial. Here
that process is `fork_request.py`, which asks for a fork instead and waits until that has ended; whatever goes wrong, it becomes
the worker that Ray meant. What Ray needs to know of a worker, its number too, it hears from the worker itself.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.search import fork_request

_BACKLOG = 1024
_LONGEST_FOLDER = 70  # characters: the name of a socket may have 107
_POOLS = 8  # of random numbers, which the threads of Ray's library take in turn
_NO_JOB = "ffffffff"  # a worker that waits for its first task belongs to none yet
_LANGUAGE = "--language="  # an option to whom Ray's command hands it on
_WORKER_SCRIPT = "default_worker.py"


class WorkerForks:
    """The process that forks, from when this is made until it is closed or this process ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="convoy-workers-"))  # which nobody else may enter
        door = self._folder / "door"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(door))
            listener.listen(_BACKLOG)  # requests wait in it until all is loaded
            command = [sys.executable, "-P", "-m", "pipeline.search.worker_forks", str(listener.fileno()), str(self._folder)]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closed when this process ends, however it does
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C on the terminal is for the driver
            )
        self.command = [sys.executable, "-I", "-S", fork_request.__file__, str(door)]  # and that of an ordinary worker after it

    @staticmethod
    def possible() -> bool:
        """Whether this system tells of the end of a process, and a door in its temporary folder has a name short enough."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except (AttributeError, OSError):
            return False
        return len(tempfile.gettempdir()) < _LONGEST_FOLDER

    def close(self) -> None:
        """End the process, and with it the workers that are left."""
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(frozen=True)
class Request:
    """Where a worker is to run, and as what; `streams`: its input, output and errors."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]


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
        request = _received(connection)
        if request is None:
            connection.close()
            return None
        self._live_as_long_as(int(request.environment["RAY_RAYLET_PID"]))
        _draw_other_numbers()
        pid = os.fork()
        if pid == 0:
            self._forget(connection)
            return request
        _close(request.streams)
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
    _become(request)


def _load() -> None:
    """What every worker needs."""
    import ray._private.workers.default_worker  # noqa: F401

    import pipeline.search.trial
    import pipeline.search.worker  # noqa: F401

    gc.collect()
    gc.freeze()  # no search for garbage in a worker looks through these, nor copies their pages


def _received(connection: socket.socket) -> Request | None:
    """What is asked for; None from one who was ended meanwhile."""
    content = b""
    streams: list[int] = []
    try:
        head, streams, _, _ = socket.recv_fds(connection, fork_request.HEAD, len(fork_request.STREAMS))
        wanted = int.from_bytes(head, "big")
        while len(content) < wanted and (piece := connection.recv(wanted - len(content))):
            content += piece
        return Request(**json.loads(content), streams=streams)
    except (OSError, ValueError):
        _close(streams)
        return None


def _draw_other_numbers() -> None:
    """A fork goes on with the random numbers of Ray's library where its parent is, so the parent goes on before each."""
    from ray import ObjectRef

    threads = [threading.Thread(target=ObjectRef.from_random) for _ in range(_POOLS)]
    for thread in threads:
        thread.start()
    ObjectRef.from_random()
    for thread in threads:
        thread.join()


def _become(request: Request) -> None:
    """Be the worker, as if Ray had started it: in a group of its own, in its folder and environment."""
    os.setpgid(0, 0)
    for target, stream in zip(fork_request.STREAMS, request.streams, strict=True):
        os.dup2(stream, target)
    _close(request.streams)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    script, arguments = _program(request.command)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


def _program(command: Sequence[str]) -> tuple[str, list[str]]:
    """The program of a worker, in the command by which Ray sets up its environment first, and its arguments."""
    at = next(number for number, part in enumerate(command) if Path(part).name == _WORKER_SCRIPT)
    skipped = (_LANGUAGE, fork_request.ITS_ENVIRONMENT)
    return command[at], [part for part in command[at + 1 :] if not part.startswith(skipped)]


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
