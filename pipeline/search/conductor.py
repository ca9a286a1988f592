"""What to train next, what to stop and when to end: every decision of a search, without Ray.

The conductor is the only one that writes the study while a search runs. Ray asks it for assignments and brings it the
workers' messages; nothing it decides depends on Ray.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from pipeline.errors import ConvoyError, DiskFull, DoesNotFit, NothingFits, OverLimit, TrialsFail
from pipeline.search import audit, repeats, samplers
from pipeline.search.budget import Budget, Limit, Used
from pipeline.search.messages import Message
from pipeline.search.regret import regret_bound
from pipeline.search.repeats import Runs
from pipeline.search.settings import SearchParams
from pipeline.search.space import Space
from pipeline.search.stopping import Curve, decide, share, stopping
from pipeline.search.tally import Tally
from pipeline.study.records import ENDED, UNCOUNTED, TrialRecord
from pipeline.study.store import Outcome, Study
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import METRICS, EpochMetrics

INFEASIBLE_IN_A_ROW = 100
FAILURES_IN_A_ROW = 5
REGRET_TRIALS = 10  # trials between two looks at what may still be gained: each takes a second of the driver
SAVE_SECONDS = 10.0  # so much wall time at most is missing from the study when the driver is killed
_SEED_LIMIT = 2**31
_ALL_RUN = Limit("space", "every configuration of the space", at_once=False)


class Conductor:
    """Drives one study until its budget is spent, it is asked to stop, or it cannot go on.

    fits(hyperparameters) raises DoesNotFit or OverLimit for a network not to be launched; ended(trial) is told of every end.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        params: SearchParams,
        fits: Callable[[Mapping[str, Value]], None],
        ended: Callable[[TrialRecord], None] = lambda trial: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study, self._space, self._params, self._fits, self._ended, self._clock = study, space, params, fits, ended, clock
        self._rule = stopping(params.stopping, params.rule())
        self.budget = Budget.of(params)
        self._began, self._used_before, self._used_saved = clock(), study.row.seconds_used, -math.inf
        self._closed: float | None = None  # when, by the clock
        snapshot = study.snapshot()
        self._direction = snapshot.direction
        self._trials: dict[str, TrialRecord] = {trial.key: trial for trial in snapshot.trials}
        self._tally = Tally(snapshot.direction, snapshot.trials)
        self._runs = Runs(params.repeats, snapshot.trials)
        self._all_run, self._last_reason = False, ""
        self._curves = {trial.key: self._curve(trial) for trial in snapshot.trials}
        self._regret = self._bound()
        self._ends: list[TrialRecord] = []
        self._to_resume = [trial for trial in snapshot.trials if trial.state not in ENDED]
        self._stops = study.decisions()
        self._live: set[str] = set()
        self.stopped_by = ""  # why the search was asked to end before its budget
        self.failure: ConvoyError | None = None

    @property
    def seconds_used(self) -> float:
        """Wall time of all searches on this study, this one included until it is closed."""
        return self._used_before + (self._clock() if self._closed is None else self._closed) - self._began

    @property
    def live(self) -> int:
        """Trials handed out and not ended."""
        return len(self._live)

    @property
    def used(self) -> Used:
        """What counts against the budget."""
        return replace(self._tally.used(self.seconds_used), regret=self._regret)

    @property
    def spent(self) -> Limit | None:
        """The limit of the budget that is met, or the end of the space."""
        return self.budget.spent(self.used) or (_ALL_RUN if self._all_run else None)

    @property
    def over(self) -> bool:
        """Whether running trials are to stop now: time or money is up, someone asked, or the search cannot go on."""
        limit = self.spent
        return bool(self.stopped_by or self.failure or (limit is not None and limit.at_once))

    def exhausted(self) -> bool:
        """Whether no further trial will be handed out."""
        return self.over or (not self._to_resume and self.spent is not None)

    def running(self) -> list[TrialRecord]:
        """The trials handed out and not ended, with the epochs heard of."""
        return [self._trials[key] for key in self._live]

    def progress(self) -> Tally:
        """How many trials have ended, and the best so far."""
        return self._tally

    def next(self) -> TrialRecord | None:
        """The next trial to train, committed to the study; None when there is none (see `exhausted`)."""
        self._save_use()
        while self._to_resume and not self.over:
            trial = self._to_resume.pop(0)
            if trial.state == "interrupted":
                self._study.resume(trial.key)
            stop = self._stops.get(trial.key, False) and not trial.audited
            if self._launchable(trial) and not self._settle(trial.key, stop):
                return self._launched(trial)
        return self._new()

    def _new(self) -> TrialRecord | None:
        unfit = 0
        while unfit < INFEASIBLE_IN_A_ROW and not self.exhausted():
            trial = self._ask()
            if trial is not None and self._launchable(trial):
                return self._launched(trial)
            unfit += trial is not None and self._trials[trial.key].state == "infeasible"
        if unfit == INFEASIBLE_IN_A_ROW or (self._all_run and not self._runs.launched):
            self.failure = NothingFits(
                "the search space",
                where=self._params.space,
                why=f"{unfit or 'all'} networks in a row do not fit; the last: {self._last_reason}",
                remedy="fewer layers or poolings, smaller kernels, larger images, or higher search.limits",
            )
        return None

    def _launched(self, trial: TrialRecord) -> TrialRecord:
        self._live.add(trial.key)
        self._runs.add(trial)
        return trial

    def heard(self, message: Message) -> bool:
        """Take in a worker's message; True when its trial is not to go on."""
        key = message.trial_key
        if key not in self._live:  # ended or handed to another worker meanwhile
            return True
        self._save_use()
        if message.note and message.note != self._trials[key].note:
            self._study.note(key, message.note)
            self._trials[key] = replace(self._trials[key], note=message.note)
        known = len(self._trials[key].epochs)
        for metrics in (metrics for metrics in message.epochs if metrics.epoch > known):
            if self._settle(key, stop=self._add(key, metrics)):
                return True
        if message.end == "disk full":  # the trial is put aside
            self.failure = self.failure or DiskFull(key, why=message.reason, remedy="free space and run the same command again")
        elif message.end:
            self._finish(key, Outcome(message.end, reason=message.reason))
            return True
        return self.over

    def lost(self, key: str, reason: str) -> None:
        """A worker died again and again on this trial."""
        if key in self._live:
            self._finish(key, Outcome("failed", reason=reason))

    def stop(self, why: str) -> None:
        """Ask for the end: running trials are put aside after their present epoch. Safe in a signal handler."""
        self.stopped_by = self.stopped_by or why

    def close(self, facts: Mapping[str, str]) -> None:
        """Put running trials aside for next time and store how much was used, with what is told about the study."""
        self._closed = self._clock()
        finished = self.exhausted() and not self.stopped_by and self.failure is None
        left_by_a_killed_driver = {trial.key for trial in self._to_resume if trial.state == "running"}
        for key in sorted(self._live | left_by_a_killed_driver):
            self._study.interrupt(key)
        self._live.clear()
        self._study.update(facts=facts, seconds_used=self.seconds_used, finished=finished)

    def _save_use(self) -> None:
        if self.seconds_used - self._used_saved >= SAVE_SECONDS:
            self._used_saved = self.seconds_used
            self._study.update(seconds_used=self._used_saved, finished=False)

    def _ask(self) -> TrialRecord | None:
        """A trial as the sampler suggests it, or once it is stuck one not run yet; None when there is none."""
        seed, name, options, given = self._params.seed, self._params.sampler, self._params.sampling(), None
        if self._runs.stuck:
            if (every := self._listing) is None:
                name, options = "random", None  # which hardly ever repeats itself in so large a space
            else:
                given = self._runs.left(
                    every, lambda point: not self._misfit(point), samplers.trial_seed(seed, len(self._trials))
                )
                self._all_run = given is None
                if given is None:
                    return None
        trial = self._study.ask(
            self._space.suggest,
            lambda number: samplers.sampler(name, seed, number, options),
            lambda number: samplers.trial_seed(seed, number) % _SEED_LIMIT,
            self._space.first_points,
            given,
            lambda number: audit.drawn(self._params.audit_share, seed, number),
        )
        self._trials[trial.key], self._curves[trial.key] = trial, self._curve(trial)
        self._tally.asked()
        return trial

    @cached_property
    def _listing(self) -> repeats.Listing | None:
        return repeats.listing(self._space)

    def _launchable(self, trial: TrialRecord) -> bool:
        earlier = self._runs.repeated(trial) if not trial.epochs else None
        if earlier is not None:
            self._finish(trial.key, Outcome("repeated", reason=f"trial {earlier.number} again"), earlier.key)
        elif reason := self._misfit(trial.hyperparameters):
            self._finish(trial.key, Outcome("infeasible", reason=reason))
        return self._trials[trial.key].state not in UNCOUNTED

    def _misfit(self, hyperparameters: Mapping[str, Value]) -> str:
        """Why this network is not to be launched; "" when it is."""
        try:
            self._fits(hyperparameters)
        except (DoesNotFit, OverLimit) as misfit:
            self._last_reason = f"{misfit.what}: {misfit.why}"
            return self._last_reason
        return ""

    def _add(self, key: str, metrics: EpochMetrics) -> bool:
        trial = self._trials[key]
        self._trials[key] = trial = replace(trial, epochs=(*trial.epochs, metrics))
        self._curves[key] = self._curve(trial)
        self._tally.trained([metrics])
        stop = decide(self._rule, self._curves, key, self._direction)
        self._study.add_epoch(key, metrics, stop=stop)
        return stop and not trial.audited

    def _settle(self, key: str, stop: bool) -> bool:
        """End the trial if its plan is fulfilled or the rule stopped it."""
        curve = self._curves[key]
        if not curve.values:
            return False
        value = curve.values[-1]
        if broken := _not_finite(self._trials[key].epochs[-1]):
            self._finish(key, Outcome("diverged", reason=f"{broken} is not finite after epoch {len(curve.values)}"))
        elif len(curve.values) >= curve.planned_epochs:
            self._finish(key, Outcome("completed", value=value))
        elif stop:
            why = f"stopped by {self._params.stopping} after {len(curve.values)} of {curve.planned_epochs} epochs"
            self._finish(key, Outcome("pruned", reason=why))
        else:
            return False
        return True

    def _finish(self, key: str, outcome: Outcome, earlier: str = "") -> None:
        """`earlier`: the trial that this one repeats."""
        curve = self._curves[key]
        last = curve.values[-1] if curve.values else None
        if earlier:
            self._study.finish_as(key, outcome, earlier)
        else:
            self._study.finish(key, outcome, share=share(len(curve.values), curve.planned_epochs), last=last)
        self._live.discard(key)
        self._trials[key] = ended = replace(self._trials[key], state=outcome.state, reason=outcome.reason, value=outcome.value)
        self._tally.ended(ended)
        self._runs.add(ended)
        if self._tally.done >= self._looked + REGRET_TRIALS:
            self._regret = self._bound()
        if outcome.state not in UNCOUNTED:
            self._ends.append(ended)
            self._refuse_a_row_of_failures()
        self._ended(ended)

    def _bound(self) -> float:
        self._looked = self._tally.done
        if self.budget.regret is None:
            return math.inf
        return regret_bound(self._space, self._trials.values(), self._direction, self._params.seed)

    def _refuse_a_row_of_failures(self) -> None:
        last = self._ends[-FAILURES_IN_A_ROW:]
        signatures = {trial.reason.strip().splitlines()[-1] if trial.reason else "" for trial in last}
        if len(last) == FAILURES_IN_A_ROW and all(trial.state == "failed" for trial in last) and len(signatures) == 1:
            why = f"{FAILURES_IN_A_ROW} trials in a row: {signatures.pop()}"
            self.failure = TrialsFail("the search", where=last[-1].key, why=why, remedy="correct the code or the space")

    def _curve(self, trial: TrialRecord) -> Curve:
        return Curve(trial.planned_epochs, tuple(_value(metrics, self._params.metric) for metrics in trial.epochs))


def _value(metrics: EpochMetrics, name: str) -> float:
    value: float | None = getattr(metrics, name)
    return math.nan if value is None else value  # NaN comes back from the database as None


def _not_finite(metrics: EpochMetrics) -> str:
    """The first metric that is NaN or infinite; empty when there is none."""
    return next((name for name in METRICS if not math.isfinite(_value(metrics, name))), "")
