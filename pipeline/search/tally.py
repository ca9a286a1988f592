"""What a study has used and reached, kept as it grows: the same work for a trial whether ten came before it or ten thousand."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence

from pipeline.search.budget import Used
from pipeline.study.records import ENDED, UNCOUNTED, TrialRecord, best, front
from pipeline.training.metrics import EpochMetrics


class Tally:
    """Sums over the trials of a study, told of each that is asked for, each epoch trained and each end."""

    def __init__(self, direction: str, trials: Iterable[TrialRecord], objectives: Sequence[str] = ()) -> None:
        """`trials`: those that the study holds already; `objectives`: of which less is wanted, beside the metric."""
        self._direction, self._objectives = direction, objectives
        self._asked, self._worker_seconds = 0, 0.0
        self._ends: list[int] = []  # numbers of the trials that count and have ended or were stopped, sorted
        self.best: TrialRecord | None = None  # as records.best says
        self.records = 0  # trials that were the best when they ended
        self.front: list[TrialRecord] = []  # with several objectives, the completed trials that none beats
        for trial in trials:
            self.asked()
            self.trained(trial.epochs)
            if trial.state in ENDED:
                self.ended(trial)
            elif any(trial.stops) and not trial.audited:
                self.stopped(trial)

    @property
    def done(self) -> int:
        """Trials that count and have ended, or were stopped, though they may go on."""
        return len(self._ends)

    def used(self, seconds: float, regret: float = math.inf) -> Used:
        """With the wall time and the regret bound, which only the caller knows."""
        best = self.front or ([] if self.best is None else [self.best])
        up_to_best = bisect.bisect_right(self._ends, max((trial.number for trial in best), default=-1))
        return Used(self._asked, seconds, self._worker_seconds, since_best=len(self._ends) - up_to_best, regret=regret)

    def asked(self) -> None:
        """A trial was committed; it counts unless it turns out not to fit, or to have been run already."""
        self._asked += 1

    def trained(self, epochs: Iterable[EpochMetrics]) -> None:
        """Epochs were committed."""
        self._worker_seconds += sum(epoch.seconds for epoch in epochs)

    def stopped(self, trial: TrialRecord) -> None:
        """A trial that counts has trained as far as it will, unless it goes on; told of the same one again, nothing changes."""
        self._ends[self._place(trial)] = [trial.number]

    def ended(self, trial: TrialRecord) -> None:
        """A trial has come to its end."""
        if trial.state in UNCOUNTED:
            self._asked -= 1
            self._ends[self._place(trial)] = []  # it may have been stopped before the limits were lowered
            return
        self.stopped(trial)
        before, self.best = self.best, best([trial] if self.best is None else [self.best, trial], self._direction)
        self.records += self.best is not before
        if self._objectives and trial.state == "completed":
            self.front = front([*self.front, trial], self._direction, self._objectives)

    def _place(self, trial: TrialRecord) -> slice:
        """Of its number among the ends; empty, where it would be, as long as it is not there."""
        return slice(bisect.bisect_left(self._ends, trial.number), bisect.bisect_right(self._ends, trial.number))
