"""What is left of a running search: how long it will take, and whether it may still find something better."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.search.conductor import Conductor
from pipeline.search.forecast import Pace, Work, chance_of_better, pace
from pipeline.study.records import TrialRecord

_REMEMBERED = 50  # trials that the present pace and length are judged by: a sampler changes what it tries
_PRIOR = 3  # trials of the space as drawn, beside those that have ended
_ENOUGH = 10  # trials that must have ended before a chance is named
_BUSY = 0.9  # share of their time that workers train, before it is known


@dataclass(frozen=True)
class _Trained:
    """A trial as far as it came: the work of an epoch, seconds in all, epochs trained and planned."""

    work: Work
    seconds: float
    epochs: int
    planned: int


class Outlook:
    """Follows a search from the end of its first trial, so that starting up is in no estimate."""

    def __init__(
        self,
        work: Callable[[TrialRecord], Work],
        space: Sequence[tuple[int, Work]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`work` is that of a trial's epoch; `space`: planned epochs and work of configurations drawn from the space."""
        self._work_of, self._space, self._clock = work, space, clock
        self._works: dict[str, Work] = {}  # by trial
        self._known: dict[str, _Trained] = {}  # the latest by key: one that waited may go on
        self._slots = 1
        self._first: tuple[float, float, float] | None = None  # time, worker-seconds before, and seconds of the first trial

    def ended(self, conductor: Conductor, trial: TrialRecord) -> None:
        """Take in a trial that trained and has ended, or is to wait."""
        if not trial.epochs:
            return
        seconds = sum(epoch.seconds for epoch in trial.epochs)
        self._known.pop(trial.key, None)
        self._known[trial.key] = _Trained(self._work(trial), seconds, len(trial.epochs), trial.planned_epochs)
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._slots = max(self._slots, conductor.live + 1)
        if self._first is None:
            self._first = self._clock(), conductor.used.worker_seconds, seconds

    def seconds_left(self, conductor: Conductor) -> float | None:
        """Until the first limit is met that can be foreseen; None without one, or before any trial has ended."""
        budget, used = conductor.budget, conductor.used
        estimates = []
        if budget.seconds is not None:
            estimates.append(budget.seconds - used.seconds)
        if self._known and budget.worker_hours is not None:
            estimates.append((3600 * budget.worker_hours - used.worker_seconds) / self._workers(conductor))
        if self._known and budget.trials is not None:
            estimates.append(self._training(conductor, budget.trials - used.trials))
        return max(0.0, min(estimates)) if estimates else None

    def chance(self, conductor: Conductor) -> float | None:
        """That a trial still to end is better than all so far; None while little is known, or without an end in sight."""
        done, left = conductor.progress().done, self.seconds_left(conductor)
        if done < _ENOUGH or left is None or not self._known:
            return None
        coming = round(left * self._workers(conductor) / max(self._trial_seconds(), 1e-9))
        if conductor.budget.trials is not None:
            coming = min(max(coming, conductor.live), conductor.budget.trials - done)
        return chance_of_better(conductor.progress().records, done, coming) if coming > 0 else None

    def _work(self, trial: TrialRecord) -> Work:
        """Worked out once: all that run are looked at whenever one ends."""
        if trial.key not in self._works:
            self._works[trial.key] = self._work_of(trial)
        return self._works[trial.key]

    def _training(self, conductor: Conductor, further: int) -> float:
        """Seconds for what is running and so many trials more; no less than the longest of those running."""
        pace_now = self._pace()
        planned = sum(trial.planned for trial in self._known.values())
        kept = (sum(trial.epochs for trial in self._known.values()) + _PRIOR) / (planned + _PRIOR)
        running = [
            kept * (trial.planned_epochs - len(trial.epochs)) * pace_now.seconds(self._work(trial))
            for trial in conductor.running()
        ]
        total = sum(running) + max(0, further) * self._trial_seconds()
        return max(total / self._workers(conductor), *running, 0.0)

    def _trial_seconds(self) -> float:
        """Training seconds to expect of a further trial: those of the latest, and at first the space as it is drawn."""
        pace_now = self._pace()
        drawn = [fmean(epochs * pace_now.seconds(work) for epochs, work in self._space)] * _PRIOR if self._space else []
        return fmean([*drawn, *(trial.seconds for trial in self._known.values())])

    def _pace(self) -> Pace:
        return pace([(trial.work, trial.seconds / trial.epochs) for trial in self._known.values()])

    def _workers(self, conductor: Conductor) -> float:
        """Workers that train at once on average: the slots, less what goes into starting trials and waiting for the driver."""
        if self._first is None:
            return self._slots * _BUSY
        since, before, known = self._first
        known *= self._slots
        trained = conductor.used.worker_seconds - before + _BUSY * known
        return max(0.05, trained / max((self._clock() - since) * self._slots + known, 1e-9)) * self._slots
