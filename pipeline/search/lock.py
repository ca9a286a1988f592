"""One search a study: a lock the kernel drops when its holder dies, with the holder's name in it."""

from __future__ import annotations

import fcntl
import json
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from pipeline.errors import StudyBusy
from pipeline.search.orphan import Process, this_process
from pipeline.study.holder import Holder

ORPHAN_PATIENCE_SECONDS = 30.0  # an owner whose parent is gone ends within 10 s; leave it time on a busy machine


def holder(path: Path) -> Holder | None:
    """Who holds the study, None when nobody does; asking does not take it."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a driver that comes at this moment tries again
        except BlockingIOError:
            return Holder.of(_read(file))
    return None


@contextmanager
def study_lock(path: Path, watched: Sequence[Process]) -> Iterator[None]:
    """Hold the study while the block runs, as a process that ends when one of the `watched` does.

    Waits for an owner whose parent process is gone, since that one is about to end; refuses at once with StudyBusy,
    naming the owner, otherwise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file, time.monotonic() + ORPHAN_PATIENCE_SECONDS)
        file.seek(0)
        file.truncate()
        json.dump(owner(watched), file)
        file.flush()
        yield


def _acquire(file: IO[str], deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = _read(file)
            if not _orphaned(owner) or time.monotonic() > deadline:
                raise _busy(owner) from None
            time.sleep(0.2)  # the orphaned owner is saving its checkpoints


def owner(watched: Sequence[Process]) -> dict[str, Any]:
    """What this process says of itself, which ends when one of the `watched` does."""
    program, *arguments = psutil.Process().cmdline()
    return {
        "process": this_process().record(),
        "host": socket.gethostname(),
        "command": shlex.join([Path(program).name, *arguments]),
        "watched": [process.record() for process in watched],
    }


def _read(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    try:
        owner: dict[str, Any] = json.loads(file.read())
    except json.JSONDecodeError:  # between taking the lock and writing its name
        return {}
    return owner


def _orphaned(owner: dict[str, Any]) -> bool:
    """Whether the owner is about to end, or the file still names the one before it."""
    return not owner or any(not Process(**process).alive() for process in (owner["process"], *owner["watched"]))


def _busy(owner: dict[str, Any]) -> StudyBusy:
    if not owner:
        return StudyBusy("this study", why="another process holds it", remedy="wait until it has ended")
    return Holder.of(owner).busy()
