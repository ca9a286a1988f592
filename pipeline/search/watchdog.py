"""A search that gets nowhere itself is ended: a driver in a deadlock would hold the machine for ever."""

from __future__ import annotations

import datetime
import faulthandler
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pipeline import artifacts
from pipeline.errors import SearchStuck
from pipeline.search.execution.heartbeat import where_in_ours

QUIET_SECONDS = 120.0
_LOOK_SECONDS = 5.0
_COMPUTES = 0.1  # of the time: whoever does is slow and not stuck


class Watchdog:
    """While its block runs, `stuck(where)` is called, once and in another thread, when the thread of the block gets nowhere.

    That is: it neither calls `tick` nor computes, for so long; unless it waits for whoever reads the output, which may be paused.
    Time counts in which somebody looked: not while this machine slept or this process was stopped. A thread that waits inside a
    library without letting others run is not seen.
    """

    def __init__(
        self, stuck: Callable[[str], object], quiet_seconds: float = QUIET_SECONDS, look_seconds: float = _LOOK_SECONDS
    ) -> None:
        self._stuck, self._quiet, self._look = stuck, quiet_seconds, look_seconds
        self._turns = 0
        self._over = threading.Event()

    def tick(self) -> None:
        """The block has done something. Called often, so it takes no time."""
        self._turns += 1

    def __enter__(self) -> Self:
        watched = threading.get_ident()
        threading.Thread(target=self._watch, args=(watched,), name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()

    def _watch(self, watched: int) -> None:
        clock, quiet = time.pthread_getcpuclockid(watched), 0.0
        turns, computed = self._turns, time.clock_gettime(clock)
        while quiet < self._quiet:
            if self._over.wait(self._look):
                return
            before = turns, computed
            turns, computed = self._turns, time.clock_gettime(clock)
            moved = turns != before[0] or computed - before[1] > _COMPUTES * self._look
            quiet = 0.0 if moved or _output_is_paused() else quiet + self._look
        self._stuck(where_in_ours(sys._current_frames().get(watched)))


def leave(log: Path, where: str) -> None:
    """End this process at once, as a kill would, which loses nothing: say why, and write down where all of its threads stand."""
    try:
        why, told = f"nothing was done for {QUIET_SECONDS:g} s", f"{log.parent.name}/{log.name}"
        remedy = f"run the same command to go on; where all threads stood is in {told}"
        error = SearchStuck("the search", where=where, why=why, remedy=remedy)
        artifacts.append_line(log, f"{datetime.datetime.now().astimezone().isoformat()} {error}")
        with log.open("ab") as file:
            faulthandler.dump_traceback(file, all_threads=True)
        print(error, file=sys.stderr, flush=True)
    finally:
        os._exit(SearchStuck.exit_code)


def _output_is_paused() -> bool:
    """Whether a line that is printed now would wait: for a pager that is not scrolled, or a terminal that was stopped."""
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return not poll.poll(0)
