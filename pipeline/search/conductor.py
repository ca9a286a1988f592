"""What to train next, what to stop and when to end: every decision of a search, without Ray.

The conductor is the only one that writes the study while a search runs. Ray asks it for assignments and brings it the
workers' messages; nothing it decides depends on Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pipeline.errors import ConvoyError
from pipeline.search.budget import Budget, Limit, Used
from pipeline.search.ends import Ends
from pipeline.search.execution.messages import Message
from pipeline.search.execution.packing import GPU_MEGABYTES
from pipeline.search.launching import INFEASIBLE_IN_A_ROW, Launching
from pipeline.search.regret import Regret
from pipeline.search.roster import Roster
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.search.stopping import stopping
from pipeline.search.suggestions import Suggestions
from pipeline.search.tally import Tally
from pipeline.search.waiting import Waiting
from pipeline.search.wall_time import WallTime
from pipeline.study.records import ENDED, Outcome, TrialRecord
from pipeline.study.store import Study
from pipeline.training.hyperparameters import Value

_ALL_RUN = Limit("space", "every configuration of the space", at_once=False)


class Conductor:
    """Drives one study until its budget is spent, it is asked to stop, or it cannot go on.

    fits(hyperparameters) raises DoesNotFit or OverLimit for a network not to be launched; ended(trial) is told of every end
    and of every trial that is to wait.
    costs(hyperparameters) are those of the study's objectives that are known before a network is built.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        params: SearchParams,
        fits: Callable[[Mapping[str, Value]], None],
        ended: Callable[[TrialRecord], None] = lambda trial: None,
        clock: Callable[[], float] = time.monotonic,
        costs: Callable[[Mapping[str, Value]], Mapping[str, float]] = lambda hyperparameters: {},
    ) -> None:
        self._study, self._params, self._costs = study, params, costs
        self._rule = stopping(params.stopping, params.rule())
        self.budget = Budget.of(params)
        self._wall_time = WallTime(study.row.seconds_used, clock, lambda used: study.update(seconds_used=used, finished=False))
        snapshot = study.snapshot()
        self._roster = Roster(snapshot, params.repeats)
        waiting = [trial.key for trial in snapshot.trials if trial.state == "paused" and self._rule.pauses]
        self._waiting = Waiting(self._rule, self._roster, waiting)
        self._to_resume = [trial for trial in snapshot.trials if trial.state not in ENDED and trial.key not in waiting]
        self._launching = Launching(self._roster.runs, fits, params.limits.latency_ms)
        self._suggestions = Suggestions(study, space, params, self._roster.runs, self._launching.fits)
        self._regret = Regret(self.budget.regret, space, params.seed, snapshot.direction)
        self._regret.look(self._roster.trials, self._roster.tally.done)
        self._ends = Ends(study, params, self._rule, self._roster, self._waiting, self._regret, ended)
        self.stopped_by = ""  # why the search was asked to end before its budget
        self._failure: ConvoyError | None = None

    @property
    def seconds_used(self) -> float:
        """Wall time of all searches on this study, this one included until it is closed."""
        return self._wall_time.seconds

    @property
    def live(self) -> int:
        """Trials handed out and not ended."""
        return len(self._roster.live)

    @property
    def used(self) -> Used:
        """What counts against the budget."""
        return self._roster.tally.used(self.seconds_used, self._regret.bound)

    @property
    def spent(self) -> Limit | None:
        """The limit of the budget that is met, or the end of the space."""
        return self.budget.spent(self.used) or (_ALL_RUN if self._suggestions.exhausted else None)

    @property
    def failure(self) -> ConvoyError | None:
        """Why the search cannot go on."""
        return self._failure or self._ends.failure or self._study.problem

    @property
    def behind(self) -> bool:
        """Whether the study's database is away, so that what is to be committed first waits for it."""
        return self._study.behind

    @property
    def over(self) -> bool:
        """Whether running trials are to stop now: time or money is up, someone asked, or the search cannot go on."""
        limit = self.spent
        return bool(self.stopped_by or self.failure or (limit is not None and limit.at_once))

    def exhausted(self) -> bool:
        """Whether no further trial will be handed out."""
        return self.over or (not self._to_resume and self.spent is not None and self._due() is None)

    def running(self) -> list[TrialRecord]:
        """The trials handed out and not ended, with the epochs heard of."""
        return [self._roster[key] for key in self._roster.live]

    def progress(self) -> Tally:
        """How many trials have ended, and the best so far."""
        return self._roster.tally

    def next(self) -> TrialRecord | None:
        """The next trial to train, committed to the study; None when there is none (see `exhausted`), or none yet (`behind`)."""
        self._wall_time.save_when_due()
        trial = self._resumed() or self._promoted() or self._new()
        if trial is None:
            return None
        self._roster.launched(trial)
        return self._learned(trial.key, self._costs(trial.hyperparameters))

    def heard(self, message: Message) -> bool:
        """Take in a worker's message; True when its trial is not to go on."""
        key = message.trial_key
        if key not in self._roster.live:  # ended or handed to another worker meanwhile
            return True
        self._wall_time.save_when_due()
        if message.note and message.note != self._roster[key].note:
            self._study.note(key, message.note)
            self._roster.noted(key, message.note)
        if message.latency_ms is not None and self._too_slow(key, message.latency_ms):
            return True
        if message.gpu_megabytes is not None:
            self._learned(key, {GPU_MEGABYTES: message.gpu_megabytes})
        known = len(self._roster[key].epochs)
        for metrics in (metrics for metrics in message.epochs if metrics.epoch > known):
            if self._ends.trained(key, metrics):
                return True
        if message.hindrance:  # the trial is put aside
            self._failure = self._failure or message.problem()
        elif message.end:
            self._ends.end(key, Outcome(message.end, reason=message.reason))
            return True
        return self.over

    def lost(self, key: str, reason: str) -> None:
        """A worker died again and again on this trial."""
        if key in self._roster.live:
            self._ends.end(key, Outcome("failed", reason=reason))

    def stop(self, why: str) -> None:
        """Ask for the end: running trials are put aside after their present epoch. Safe in a signal handler."""
        self.stopped_by = self.stopped_by or why
        self._study.hurry()

    def close(self, facts: Mapping[str, str]) -> None:
        """Put running trials aside for next time and store how much was used, with what is told about the study.

        When its budget is spent, what still waits has been stopped.
        """
        self._wall_time.stop()
        finished = self.exhausted() and not self.stopped_by and self.failure is None
        for key in self._waiting if finished else ():
            self._waiting.remove(key)
            if (end := self._ends.verdict(self._roster[key], stop=True)) is not None:
                self._ends.commit(key, end)
        left_by_a_killed_driver = {trial.key for trial in self._to_resume if trial.state == "running"}
        for key in sorted({*self._roster.live, *left_by_a_killed_driver}):
            self._study.interrupt(key)
        self._roster.all_put_aside()
        self._study.update(facts=facts, seconds_used=self.seconds_used, finished=finished)

    def _resumed(self) -> TrialRecord | None:
        """The next of the trials left by an earlier search that is to go on."""
        while self._to_resume and not self.over:
            trial = self._to_resume.pop(0)
            if trial.state in ("paused", "interrupted"):
                self._study.resume(trial.key)
            end = self._launching.refusal(trial) or self._ends.verdict(trial, stop=trial.stops[-1:] == (True,))
            if end is None:
                return trial
            self._ends.conclude(trial.key, end)
        return None

    def _promoted(self) -> TrialRecord | None:
        """The next of the trials told to wait that is to go on."""
        while not self.over and (key := self._due()) is not None:
            self._waiting.remove(key)
            self._study.resume(key)
            trial = self._roster.resumed(key)
            end = self._launching.refusal(trial)  # the limits may be others than when it began
            if end is None:
                return trial
            self._ends.end(key, end)
        return None

    def _due(self) -> str | None:
        """Which trial that waits is to go on: whom the rule lets; or, if all else is done and no trial came to its end, one."""
        due = self._waiting.due()
        if due is None and self.spent is not None and not self._roster.live and self._roster.tally.best is None:
            return self._waiting.furthest()
        return due

    def _new(self) -> TrialRecord | None:
        unfit = 0
        while unfit < INFEASIBLE_IN_A_ROW and not self.over and self.spent is None:
            trial = self._suggestions.next()
            if trial is None:
                break
            self._roster.asked(trial)
            refusal = self._launching.refusal(trial)
            if refusal is None:
                return trial
            self._ends.end(trial.key, refusal)
            unfit += refusal.state == "infeasible"
        if unfit == INFEASIBLE_IN_A_ROW or (self._suggestions.exhausted and not self._roster.runs.launched):
            self._failure = self._launching.nothing_fits(self._params.space, unfit)
        return None

    def _learned(self, key: str, costs: Mapping[str, float]) -> TrialRecord:
        """Commit what is known now of a trial's network; what was known before stays as it was."""
        new = {name: cost for name, cost in costs.items() if name not in self._roster[key].costs}
        self._study.learn(key, new)
        return self._roster.learned(key, new)

    def _too_slow(self, key: str, latency_ms: float) -> bool:
        """Take in how long a trial's network takes for an image; whether that ended the trial."""
        refusal = self._launching.too_slow(self._learned(key, {"latency_ms": latency_ms}))
        if refusal is None:
            return False
        self._ends.end(key, refusal)
        if self._launching.too_slow_in_a_row == INFEASIBLE_IN_A_ROW:
            self._failure = self._launching.nothing_fits(self._params.space, INFEASIBLE_IN_A_ROW)
        return True
