"""Who writes the study down: at once into a file, and into a server's database in the background, as soon as it is there.

What a driver decides follows from what it has in memory. So while a server is away, training goes on: epochs and ends wait here
in their order, and only what has to be committed first, the next trial, waits for it. Nothing is lost with a driver that dies
meanwhile: each trial's checkpoint holds all of its epochs, which its worker says again. What is tried again writes the same once
more or finds that it is there, since an answer may be lost after the commit.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from pipeline.errors import ConvoyError, DiskError, StudyLost, StudyUnreachable

PATIENCE = "CONVOY_STUDY_PATIENCE"  # the variable: seconds that a server may be away before a search ends, to be gone on with
PATIENCE_SECONDS = 600.0
_PROMPT_SECONDS = 2.0  # that the driver waits for a commit; a database that takes longer is taken for away
_PAUSE_SECONDS = 0.5  # between two attempts
_HURRY_SECONDS = 5.0  # that a search waits that was asked to end

Result = TypeVar("Result")


class Entry(Generic[Result]):
    """Something to be done with the database, once all before it is done."""

    def __init__(self, act: Callable[[], Result]) -> None:
        self.act = act
        self.done = threading.Event()
        self.result: Result | None = None


class Clerk(Protocol):
    """What a study does with its database, in order."""

    @property
    def behind(self) -> bool:
        """Whether anything waits to be written."""

    @property
    def problem(self) -> ConvoyError | None:
        """Why nothing is written any more."""

    def write(self, act: Callable[[], object]) -> None:
        """Do it, now or as soon as possible."""

    def submit(self, act: Callable[[], Result]) -> Entry[Result]:
        """The same, of which the result is wanted."""

    def promptly(self, entry: Entry[Any]) -> bool:
        """Wait for it while all is well; whether it is done."""

    def settle(self) -> None:
        """Wait until nothing waits; raises what is in the way of that."""

    def hurry(self) -> None:
        """From now on wait for seconds only; safe in a signal handler."""

    def close(self) -> None:
        """Nothing more will be written."""


class AtOnce:
    """For a file: in the thread of the caller, who gets the exceptions that are defects.

    keep() is called before anything is written and may raise StudyLost. After that, or when the disk is full or fails, nothing
    more is written: what comes next might find room, and would be ahead of what did not.
    """

    behind = False

    def __init__(self, keep: Callable[[], None] = lambda: None) -> None:
        self._keep = keep
        self.problem: ConvoyError | None = None

    def write(self, act: Callable[[], object]) -> None:
        """Do it."""
        self.submit(act)

    def submit(self, act: Callable[[], Result]) -> Entry[Result]:
        """Do it."""
        entry = Entry(act)
        if self.problem is None:
            try:
                self._keep()
                entry.result = act()
                entry.done.set()
            except (DiskError, StudyLost) as problem:
                self.problem = problem
        return entry

    def promptly(self, entry: Entry[Any]) -> bool:
        """It is done, or never will be."""
        return entry.done.is_set()

    def settle(self) -> None:
        """Nothing waits; raises what is in the way of writing."""
        self.write(lambda: None)
        if self.problem is not None:
            raise self.problem

    def hurry(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


class Background:
    """For a server: a thread that tries again what finds it away, for so long as patience lasts.

    keep() is called before anything is written and may raise StudyBusy, after which nothing is; suspect() when a server was away;
    tell(line) when it is away or back.
    """

    def __init__(
        self, keep: Callable[[], None], suspect: Callable[[], None], tell: Callable[[str], None], patience: float | None = None
    ) -> None:
        self._keep, self._suspect, self._tell = keep, suspect, tell
        self._patience = float(os.environ.get(PATIENCE, PATIENCE_SECONDS)) if patience is None else patience
        self._entries: deque[Entry[Any]] = deque()
        self._changed = threading.Condition()
        self._problem: BaseException | None = None
        self._waiting_since: float | None = None  # when the first of the entries was taken up
        self._away: StudyUnreachable | None = None
        self._closed = False
        threading.Thread(target=self._work, name="study-clerk", daemon=True).start()

    @property
    def behind(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._entries)

    @property
    def problem(self) -> ConvoyError | None:
        """Why nothing is written any more: patience has ended, or another process has the study. A defect is raised."""
        self._lose_patience()
        if self._problem is not None and not isinstance(self._problem, ConvoyError):
            raise self._problem
        return self._problem

    def write(self, act: Callable[[], object]) -> None:
        """Do it soon; the caller waits for a moment while all is well."""
        self.promptly(self.submit(act))

    def submit(self, act: Callable[[], Result]) -> Entry[Result]:
        """Do it soon."""
        entry = Entry(act)
        with self._changed:
            if self._problem is None:
                self._entries.append(entry)
                self._changed.notify_all()
        return entry

    def promptly(self, entry: Entry[Any]) -> bool:
        """Wait for it while all is well; whether it is done."""
        with self._changed:
            self._changed.wait_for(
                lambda: entry.done.is_set() or self._away is not None or self._problem is not None,
                max(0.0, _PROMPT_SECONDS - self._waited()),
            )
        return entry.done.is_set()

    def settle(self) -> None:
        """Wait until nothing waits; raises what is in the way of that."""
        while self.problem is None and self._entries:
            self._entries[-1].done.wait(0.1)
        if (problem := self.problem) is not None:
            raise problem

    def hurry(self) -> None:
        """From now on wait for seconds only, from the moment when the server went away."""
        self._patience = min(self._patience, _HURRY_SECONDS)

    def close(self) -> None:
        """Nothing more will be written; the thread ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _lose_patience(self) -> None:
        """Once it has lasted long enough; whether driver or thread notices first, nothing is tried after that."""
        if self._problem is None and self._waited() > self._patience:
            self._problem = self._give_up()

    def _waited(self) -> float:
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    def _give_up(self) -> StudyUnreachable:
        minutes = f"for {self._patience / 60:.3g} minutes"
        away = self._away
        why = f"{minutes}: {away.why}" if away else f"it has taken {minutes} over one commit"
        remedy = "run the same command again when it is back: nothing is lost"
        return StudyUnreachable("the study's database", where=away.where if away else "", why=why, remedy=remedy)

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            done = self._attempt(entry)
            with self._changed:
                if done:
                    self._waiting_since = None
                    if self._problem is None:
                        self._entries.popleft()
                        entry.done.set()
                self._changed.notify_all()
            if not done:
                time.sleep(_PAUSE_SECONDS)

    def _next(self) -> Entry[Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._entries and self._problem is None))
            self._lose_patience()
            if self._problem is not None or not self._entries:
                return None
            self._waiting_since = self._waiting_since or time.monotonic()
            return self._entries[0]

    def _attempt(self, entry: Entry[Any]) -> bool:
        """Whether this entry is done with."""
        try:
            self._keep()
            entry.result = entry.act()
        except StudyUnreachable as away:
            if self._away is None:
                self._tell(f"{away.what} at {away.where} is away ({away.why}); training goes on meanwhile")
            self._away = away
            self._suspect()
            return False
        except BaseException as problem:  # StudyBusy, or a defect, which would die unseen with the thread
            self._problem = problem
            with self._changed:
                self._entries.clear()
            return True
        if self._away is not None:
            self._tell(f"the study's database is back: {len(self._entries)} commits were kept for it")
            self._away = None
        return True
