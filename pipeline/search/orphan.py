"""Is the process that started us still there? DVC killed outright leaves its stage running, which must then end itself."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from typing import Any

import psutil

_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")


@dataclass(frozen=True)
class Process:
    """A process named so that a later one with the same number is told apart; `started` is unix seconds."""

    pid: int
    started: float

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def this_process() -> Process:
    """The calling process."""
    return Process(os.getpid(), psutil.Process().create_time())


def parents_to_watch() -> list[Process]:
    """Under DVC, the processes whose end means that nobody waits for us: the parent and, behind a shell, the one before.

    Elsewhere none: a search started by hand with nohup outlives its terminal on purpose.
    """
    if "DVC_STAGE" not in os.environ:
        return []
    watched: list[Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process().parent()
        while parent is not None:
            watched.append(Process(parent.pid, parent.create_time()))
            parent = parent.parent() if parent.name() in _SHELLS else None
    return watched
