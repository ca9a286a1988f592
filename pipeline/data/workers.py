"""A function over many items in several processes: results in order, and a process that dies costs only its item.

Processes are spawned, never forked: that is safe beside threads, and the same on Linux and macOS. Each has a pipe of its own, so
that one killed in the middle leaves no lock behind. All end with the iterator, or with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import queue
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

C = TypeVar("C")
Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 100  # items; for fewer no process is started, which takes about a second each
LONGEST_BATCH = 64  # items sent at once
_BATCH_SECONDS = 0.05  # batches grow while they take less
_BATCHES_EACH = 4  # for each process: being worked on, waiting for it, or done and not yet asked for
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Crashed:
    """What an item yields whose process died over it twice; reason: `killed by SIGSEGV`, `exit code 3`."""

    reason: str


def worker_count(workers: str | int) -> int:
    """The number given, or for "auto" the cores that this process may use."""
    if workers != "auto":
        return int(workers)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has no affinity


def mapped(
    function: Callable[[C, Item], Result], context: Callable[[], C], items: Iterable[Item], workers: int
) -> Iterator[Result | Crashed]:
    """`function(context(), item)` for each item, in order; context is called once a process.

    All three are sent to the processes, so functions of modules. With 1 worker or fewer than FEW items everything happens in this
    process, which a crash then ends. An exception of `function` is raised here. No more than 4 batches of 64 items a worker are
    ever ahead of what was asked for. A script that calls this needs the usual `if __name__ == "__main__":`.
    """
    items = iter(items)
    first = list(itertools.islice(items, FEW))
    everything = itertools.chain(first, items)
    if workers > 1 and len(first) == FEW:
        yield from _Pool(function, context, everything, workers).results()
    elif first:
        here = context()
        yield from (function(here, item) for item in everything)


@dataclass(eq=False)
class _Batch(Generic[Item, Result]):
    items: list[Item]
    alone: bool = False  # its item was in a batch over which a process died
    results: list[Result | Crashed] | None = None


class _Worker:
    """A process, and the batches it has not answered yet."""

    def __init__(self, function: Callable[..., Any], context: Callable[[], Any]) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, function, context), daemon=True)
        self.batches: deque[_Batch[Any, Any]] = deque()
        self.ready = False
        with _worker_environment():
            self.process.start()
        theirs.close()

    def send(self, batch: _Batch[Any, Any]) -> None:
        self.batches.append(batch)
        with contextlib.suppress(OSError):  # it died: its connection tells
            self.connection.send(batch.items)

    def end(self) -> str:
        """Make sure that it is gone; how it went."""
        self.connection.close()
        self.process.join(5)  # the closed connection is its signal to leave
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


@contextlib.contextmanager
def _worker_environment() -> Iterator[None]:
    """What a worker inherits: one thread for linear algebra, since there is a process a core, and two pools of threads on the
    same cores make small products thirty times slower; and no ear for Ctrl-C, which is for the parent, who ends us.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    resource_tracker.ensure_running()  # starting it would unblock what is blocked
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Pool(Generic[Item, Result]):
    """The workers, and every batch between the items and the results."""

    def __init__(self, function: Callable[..., Any], context: Callable[[], Any], items: Iterator[Item], workers: int) -> None:
        self._items, self._count, self._job = items, workers, (function, context)
        self._order: list[_Batch[Item, Result]] = []  # handed out and not yet asked for
        self._again: deque[_Batch[Item, Result]] = deque()  # those of them that a dead process left
        self._workers: list[_Worker] = []
        self._size = 1

    def results(self) -> Iterator[Result | Crashed]:
        """All results in order; the processes end with it."""
        done = False
        try:
            self._workers += [_Worker(*self._job) for _ in range(self._count)]
            while self._hand_out():
                if self._order[0].results is None:
                    self._listen()
                else:
                    yield from self._order.pop(0).results or ()
            done = True
        finally:
            for worker in self._workers:
                worker.connection.close()
                if not done:
                    worker.process.terminate()
            for worker in self._workers:
                worker.end()

    def _hand_out(self) -> bool:
        """Give each worker one batch to work on and one to go on with; whether there is anything to wait for."""
        while (worker := min(self._workers, key=lambda each: len(each.batches))) and len(worker.batches) < 2:
            batch = self._again.popleft() if self._again else self._next()
            if batch is None:
                break
            worker.send(batch)
        return bool(self._order)

    def _next(self) -> _Batch[Item, Result] | None:
        room = len(self._order) < self._count * _BATCHES_EACH
        items = list(itertools.islice(self._items, self._size)) if room else []
        if not items:
            return None
        self._order.append(_Batch(items))
        return self._order[-1]

    def _listen(self) -> None:
        ready = wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if isinstance(message, BaseException):
                raise message
            if worker.ready:
                worker.batches.popleft().results, seconds = message
                self._size = max(1, min(self._size * 2 if seconds < _BATCH_SECONDS else self._size // 2, LONGEST_BATCH))
            worker.ready = True

    def _replace(self, worker: _Worker) -> None:
        """Replace a dead worker; what it was working on is tried again item by item, what waited for it as it is."""
        self._workers.remove(worker)
        reason = worker.end()
        if not worker.ready:
            raise ChildProcessError(f"a worker process ended before its first item: {reason}")
        if worker.batches:
            batch = worker.batches.popleft()
            if batch.alone:
                batch.results = [Crashed(reason)]
            else:
                parts: list[_Batch[Item, Result]] = [_Batch([item], alone=True) for item in batch.items]
                index = self._order.index(batch)
                self._order[index : index + 1] = parts
                self._again.extend(parts)
            self._again.extend(worker.batches)
        self._workers.append(_Worker(*self._job))


def _serve(connection: Connection, function: Callable[[C, Item], Result], context: Callable[[], C]) -> None:
    """The life of a worker: until its connection is closed."""
    with contextlib.suppress(_Left):
        try:
            here = context()
            _answer(connection, "ready")
            inbox: queue.SimpleQueue[list[Item] | None] = queue.SimpleQueue()
            threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
            while (items := inbox.get()) is not None:
                start = time.perf_counter()
                _answer(connection, ([function(here, item) for item in items], time.perf_counter() - start))
        except Exception as error:
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
            _answer(connection, error)


class _Left(BaseException):
    """Nobody waits for the answer."""


def _answer(connection: Connection, answer: object) -> None:
    try:
        connection.send(answer)
    except OSError:
        raise _Left from None


def _receive(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Empty the pipe at once, so that the parent never waits while we wait for it."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    inbox.put(None)
