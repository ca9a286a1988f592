"""The projection beside a running search: a thread that makes MLflow equal to the study again and again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.addresses import redacted
from pipeline.errors import StudyUnreachable, TrackingUnreachable
from pipeline.study.records import StudySnapshot, TrialRecord
from pipeline.tracking import server_clock

if TYPE_CHECKING:
    from pipeline.tracking.project import Shown

_PAUSES = 10  # a pause is at least this many times as long as the pass before it
_LONGEST_PAUSE = 60.0  # seconds, while it is away: doubled from pass to pass, so that a server in distress is left alone
_LAST_ATTEMPTS = 2  # the client itself repeats no request
_STUCK_SECONDS = 60.0  # at the end, without a run that is done: it answers so slowly that nobody waits for it


@dataclass(frozen=True)
class Followed:
    """Why MLflow is not equal to the study, if it is not; `passes` counts the successful ones."""

    problem: TrackingUnreachable | StudyUnreachable | None
    passes: int


class Follower:
    """A background thread that calls `snapshot` and projects it; the caller never waits for MLflow before `stop`."""

    def __init__(self, snapshot: Callable[[], StudySnapshot], uri: str, experiment: str, pause_seconds: float) -> None:
        """`snapshot` is called in the thread and must not share a database connection with the caller."""
        self._snapshot, self._uri, self._experiment, self._pause = snapshot, uri, experiment, pause_seconds
        self._stopping = threading.Event()
        self._problem: TrackingUnreachable | StudyUnreachable | None = None
        self._bug: BaseException | None = None
        self._passes = 0
        self._moved_at = time.monotonic()  # when a trial or a rerun was taken up last
        self._shown: Shown | None = None  # None: MLflow is to be looked through
        self._thread = threading.Thread(target=self._run, name="mlflow-projection", daemon=True)
        self._thread.start()

    def stop(self) -> Followed:
        """One last pass, then the end; what was not MLflow being away is raised here.

        A server that answers a byte a second never exceeds a client's timeout: a pass that gets nowhere is left to itself.
        """
        self._moved_at = time.monotonic()
        self._stopping.set()
        while self._thread.is_alive() and time.monotonic() - self._moved_at < _STUCK_SECONDS:
            self._thread.join(0.1)
        if self._thread.is_alive():
            why, remedy = f"it has not taken one run in {_STUCK_SECONDS:g} s", "look after it, then run `convoy sync`"
            self._problem = TrackingUnreachable("MLflow", where=redacted(self._uri), why=why, remedy=remedy)
        if self._bug is not None:
            raise self._bug
        return Followed(self._problem, self._passes)

    def _run(self) -> None:
        try:
            pause = self._pause
            while not self._stopping.wait(pause):
                longer = min(_LONGEST_PAUSE, 2 * pause * random.uniform(0.75, 1.25))  # noqa: S311  # no secret
                pause = max(self._pause, _PAUSES * self._pass(), longer if self._problem else 0.0)
            self._last_pass()
        except BaseException as error:  # it would die unseen with the thread
            self._bug = error

    def _last_pass(self) -> None:
        attempts = 1 if self._problem else _LAST_ATTEMPTS
        for _ in range(attempts):
            self._shown = None  # whatever happened to MLflow meanwhile, it is equal to the study at the end
            self._pass()
            if self._problem is None:
                return

    def _moving(self, runs: Sequence[TrialRecord]) -> Iterator[TrialRecord]:
        for run in runs:
            self._moved_at = time.monotonic()
            yield run

    def _pass(self) -> float:
        begun = time.monotonic()
        from pipeline.tracking.project import Shown, project

        shown, self._shown = self._shown or Shown(), None
        try:
            project(self._snapshot(), self._uri, self._experiment, shown, self._moving)
            self._shown = shown
            self._problem = None
            self._passes += 1
            if self._passes == 1 and (line := server_clock.warning(self._uri)):
                print(line)
        except (TrackingUnreachable, StudyUnreachable) as problem:  # or what it is to be equal to is away
            self._problem = problem
        return time.monotonic() - begun


class NotFollowed:
    """In place of a follower where the MLflow that is to show the study is out of reach: whoever has it makes it equal later."""

    def stop(self) -> Followed:
        """Nothing was done."""
        return Followed(None, 0)


def follow(
    snapshot: Callable[[], StudySnapshot], uri: str, experiment: str, pause_seconds: float = 5.0
) -> Follower | NotFollowed:
    """Start projecting in the background, `pause_seconds` from now at the earliest, so out of the way of the first trial.

    An empty `uri` means that it is done elsewhere.
    """
    return Follower(snapshot, uri, experiment, pause_seconds) if uri else NotFollowed()
