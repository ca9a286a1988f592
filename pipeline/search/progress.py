"""One plain line a trial: number, state, value, best so far, time left, the chance of a better one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pipeline.search.conductor import Conductor
from pipeline.search.forecast import duration
from pipeline.search.outlook import Outlook
from pipeline.search.settings import SearchParams
from pipeline.search.standing import Ahead
from pipeline.search.verdict import measured
from pipeline.study.records import Rerun, TrialRecord

_LONGEST_REASON = 80  # characters
_TELL_SECONDS = 5.0  # between two outlooks written down, which takes a sync to disk


class Progress:
    """Prints a line whenever a trial ends or is to wait, and tells what is ahead to whoever looks from elsewhere."""

    def __init__(
        self,
        metric: str,
        outlook: Outlook,
        show: Callable[[str], None] = print,
        tell: Callable[[Ahead], None] = lambda ahead: None,
    ) -> None:
        self._metric, self._outlook, self._show, self._tell = metric, outlook, show, tell
        self._told_at = 0.0

    def ended(self, conductor: Conductor, trial: TrialRecord) -> None:
        """Tell of a trial's end."""
        self._outlook.ended(conductor, trial)
        tally, best = conductor.progress(), conductor.progress().best
        result = self._standing(trial) if trial.state == "paused" else self._result(trial)
        record = f"best {best.value:.4f} (trial {best.number})" if best and best.value is not None else "no best yet"
        total = f"/{conductor.budget.trials}" if conductor.budget.trials else ""
        done = f"{tally.done}{total}"
        front = [f"front of {len(tally.front)}"] if tally.front else []
        ahead = self._ahead(conductor)
        parts = [f"trial {trial.number:3d}", f"{trial.state:10s}", result, record, *front, done, *_words(ahead)]
        self._show("  ".join(parts))
        if ahead.at - self._told_at >= _TELL_SECONDS:
            self._told_at = ahead.at
            self._tell(ahead)

    def _standing(self, trial: TrialRecord) -> str:
        reached = measured(trial.epochs[-1], self._metric)
        return f"{self._metric} {reached:.4f} after {len(trial.epochs)} of {trial.planned_epochs} epochs"

    def _result(self, trial: TrialRecord) -> str:
        if trial.value is None:
            return trial.short_reason[:_LONGEST_REASON]
        costs = [f"{name} {cost:,.0f}" if cost >= 100 else f"{name} {cost:.3g}" for name, cost in trial.costs.items()]
        return "  ".join([f"{self._metric} {trial.value:.4f}", *costs])

    def _ahead(self, conductor: Conductor) -> Ahead:
        left, chance = self._outlook.seconds_left(conductor), self._outlook.chance(conductor)
        return Ahead(time.time(), conductor.budget.trials, left, chance)


def _words(ahead: Ahead) -> list[str]:
    said = [] if ahead.seconds_left is None else [f"about {duration(ahead.seconds_left)} left"]
    return said if ahead.chance is None else [*said, f"a better one: {ahead.chance:.0%}"]


def reselection_line(left: Sequence[Rerun], trials: Sequence[TrialRecord]) -> str:
    """What is about to be trained again; how long it takes follows from the search."""
    seconds = {trial.key: sum(metrics.seconds for metrics in trial.epochs) for trial in trials}
    numbers = ", ".join(dict.fromkeys(str(rerun.run.number) for rerun in left))
    needed = duration(sum(seconds[rerun.trial_key] for rerun in left))
    return f"reselection: {len(left)} runs of trials {numbers} with new seeds, about {needed} of training"


def rerun_line(rerun: Rerun, params: SearchParams) -> str:
    """How a rerun ended."""
    run = rerun.run
    result = f"{params.metric} {run.value:.4f}" if run.value is not None else run.short_reason[:_LONGEST_REASON]
    fold = "" if rerun.fold is None else f", fold {rerun.fold}"
    return f"trial {run.number:3d}  {run.state:10s}  {result}  new seed {rerun.repeat + 1}/{params.reselect.seeds}{fold}"
