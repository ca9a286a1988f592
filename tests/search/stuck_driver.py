"""A search without Ray whose driver stops in the middle: `python -m tests.search.stuck_driver FOLDER deadlock|paused`."""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path

from pipeline import layout
from pipeline.search.watchdog import Watchdog, leave
from tests.search.driving import Search

QUIET_SECONDS, LOOK_SECONDS = 2.0, 0.1


def main(folder: Path, how: str) -> None:
    """Trials end, until the second has."""
    search = Search(folder)

    def stop(trial: object) -> None:
        if len(search.ended) == 2:
            print("x" * 100_000, flush=True) if how == "paused" else _deadlock()

    search.listener = stop
    with Watchdog(partial(leave, layout.log(folder)), QUIET_SECONDS, LOOK_SECONDS):
        search.work(search.conductor(trials=2))


def _deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
