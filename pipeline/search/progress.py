"""One plain line a trial: number, state, value, best so far, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pipeline.search.conductor import Conductor
from pipeline.search.settings import SearchParams
from pipeline.study.records import UNCOUNTED, Rerun, TrialRecord


class Progress:
    """Prints a line whenever a trial ends; time left follows from the trials this search has ended so far."""

    def __init__(self, metric: str, show: Callable[[str], None] = print, clock: Callable[[], float] = time.monotonic) -> None:
        self._metric, self._show, self._clock, self._began = metric, show, clock, clock()
        self._ended_here = 0

    def ended(self, conductor: Conductor, trial: TrialRecord) -> None:
        """Tell of a trial's end."""
        done, best = conductor.progress()
        self._ended_here += trial.state not in UNCOUNTED
        result = f"{self._metric} {trial.value:.4f}" if trial.value is not None else _last_line(trial.reason)
        record = f"best {best.value:.4f} (trial {best.number})" if best and best.value is not None else "no best yet"
        total = f"/{conductor.budget.trials}" if conductor.budget.trials else ""
        self._show(f"trial {trial.number:3d}  {trial.state:10s}  {result}  {record}  {done}{total}{self._left(conductor, done)}")

    def _left(self, conductor: Conductor, done: int) -> str:
        estimates = []
        if conductor.budget.trials and self._ended_here:
            seconds_a_trial = (self._clock() - self._began) / self._ended_here
            estimates.append(seconds_a_trial * max(0, conductor.budget.trials - done))
        if conductor.budget.seconds is not None:
            estimates.append(max(0.0, conductor.budget.seconds - conductor.seconds_used))
        return f"  about {_duration(min(estimates))} left" if estimates else ""


def reselection_line(left: Sequence[Rerun], trials: Sequence[TrialRecord]) -> str:
    """What is about to be trained again; how long it takes follows from the search."""
    seconds = {trial.key: sum(metrics.seconds for metrics in trial.epochs) for trial in trials}
    numbers = ", ".join(dict.fromkeys(str(rerun.run.number) for rerun in left))
    needed = _duration(sum(seconds[rerun.trial_key] for rerun in left))
    return f"reselection: {len(left)} runs of trials {numbers} with new seeds, about {needed} of training"


def rerun_line(rerun: Rerun, params: SearchParams) -> str:
    """How a rerun ended."""
    run = rerun.run
    result = f"{params.metric} {run.value:.4f}" if run.value is not None else _last_line(run.reason)
    fold = "" if rerun.fold is None else f", fold {rerun.fold}"
    return f"trial {run.number:3d}  {run.state:10s}  {result}  new seed {rerun.repeat + 1}/{params.reselect.seeds}{fold}"


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1][:80] if text.strip() else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
