"""The heartbeat of a trial: its worker counts the batches that are done, and says now and then how many there are.

A thread that says "I live" would go on saying it while the training beside it waits for ever. This one says how far that is.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

POST_SECONDS = 10.0
_OURS = __name__.partition(".")[0] + "."  # so the names of our modules begin


@dataclass(frozen=True)
class Pulse:
    """How far a trial is: batches, and whatever else takes long, since its worker took it up."""

    done: int
    longest_seconds: float  # that any of them took
    where: str = ""  # file, line and function where it stands, if nothing was done since the last time

    def to_bytes(self) -> bytes:
        """For whoever looks."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> Pulse:
        """What `to_bytes` made."""
        return cls(**json.loads(content))


class Heartbeat:
    """That of one worker, of one trial after another: post(name, pulse) is called every few seconds while a trial is at work."""

    def __init__(self, post: Callable[[str, Pulse], None], seconds: float) -> None:
        self._post, self._seconds = post, seconds
        self._name, self._done, self._longest, self._last = "", 0, 0.0, 0.0
        self._at_work: int | None = None  # the thread that trains
        threading.Thread(target=self._tell, name="heartbeat", daemon=True).start()

    def begin(self, name: str) -> None:
        """The next trial, or the next attempt at one."""
        self._name, self._done, self._longest = name, 0, 0.0

    def beat(self) -> None:
        """Something is done. Called for every batch, so it takes no time."""
        now = time.monotonic()
        if now - self._last > self._longest:
            self._longest = now - self._last
        self._last = now
        self._done += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While the block runs the trial is to get on; between two blocks it waits for the driver."""
        self._last, self._at_work = time.monotonic(), threading.get_ident()
        try:
            yield
        finally:
            self._at_work = None

    def _tell(self) -> None:
        before: tuple[str, int] | None = None
        while True:
            time.sleep(self._seconds)
            if (thread := self._at_work) is None:
                continue
            now = (self._name, self._done)
            where = where_in_ours(sys._current_frames().get(thread)) if now == before else ""
            self._post(self._name, Pulse(self._done, self._longest, where))
            before = now


def name(trial_key: str, attempt: int) -> str:
    """Under which an attempt at a trial is heard of: one that was cut off and lives is not taken for its successor."""
    return f"{trial_key}.{attempt}"


def trial_key(name: str) -> str:
    """Of the trial that goes by this name."""
    return name.rpartition(".")[0]


def where_in_ours(frame: FrameType | None) -> str:
    """File, line and function of the innermost frame that is of our own code; "" when there is none."""
    while frame is not None and not str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame = frame.f_back
    return "" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
