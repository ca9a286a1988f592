"""How the trials of a search come to their end: what is committed of each epoch and of the end, and what is drawn from it."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.errors import ConvoyError
from pipeline.search.failures import Failures
from pipeline.search.regret import Regret
from pipeline.search.roster import Roster
from pipeline.search.settings import SearchParams
from pipeline.search.stopping import Rule, decide, share
from pipeline.search.verdict import measured, verdict
from pipeline.search.waiting import Waiting
from pipeline.study.records import UNCOUNTED, Outcome, TrialRecord
from pipeline.study.store import Study
from pipeline.training.metrics import EpochMetrics


class Ends:
    """The part of the conductor that ends trials; `ended(trial)` is told of every end and of every trial that is to wait."""

    def __init__(
        self,
        study: Study,
        params: SearchParams,
        rule: Rule,
        roster: Roster,
        waiting: Waiting,
        regret: Regret,
        ended: Callable[[TrialRecord], None],
    ) -> None:
        self._study, self._params, self._rule, self._roster = study, params, rule, roster
        self._waiting, self._regret, self._ended = waiting, regret, ended
        self._failures = Failures()
        self.failure: ConvoyError | None = None  # of so many trials in a row that the search cannot go on

    def trained(self, key: str, metrics: EpochMetrics) -> bool:
        """Commit an epoch with what the stopping rule says of it; whether it was the last of its trial, for now or for good."""
        trial = self._roster.trained(key, metrics)
        self._waiting.look_again()
        stop = decide(self._rule, self._roster.curves, key, self._roster.direction)
        self._study.add_epoch(key, metrics, stop=stop)
        end = self.verdict(trial, stop)
        if end is not None:
            self.conclude(key, end)
        return end is not None

    def verdict(self, trial: TrialRecord, stop: bool) -> Outcome | None:
        """The end of a trial by its epochs, or because the rule says stop; None while it is to go on."""
        rule = "an earlier rule" if trial.state == "paused" and not self._rule.pauses else self._params.stopping
        return verdict(trial, self._params.metric, rule if stop and not trial.audited else "")

    def conclude(self, key: str, outcome: Outcome) -> None:
        """A trial that trained is at its end, or is to wait: what a rule stops that pauses may go on."""
        if outcome.state != "pruned" or not self._rule.pauses:
            self.end(key, outcome)
            return
        share, last = self._standing(key)
        self._study.pause(key, epochs=len(self._roster[key].epochs), share=share, last=last)
        trial = self._roster.paused(key, outcome.reason)
        self._waiting.add(key)
        self._ended(trial)

    def end(self, key: str, outcome: Outcome) -> None:
        """Commit the end of a trial, then draw what follows."""
        trial = self.commit(key, outcome)
        self._regret.look(self._roster.trials, self._roster.tally.done)
        if outcome.state not in UNCOUNTED:
            self.failure = self._failures.add(trial) or self.failure
        self._ended(trial)

    def commit(self, key: str, outcome: Outcome) -> TrialRecord:
        """The trial as it ended; nothing is drawn from it."""
        share, last = self._standing(key)
        self._study.finish(key, outcome, share=share, last=last)
        return self._roster.ended(key, outcome)

    def _standing(self, key: str) -> tuple[int, float | None]:
        """The share of its plan that a trial trained, and its metric there: what the sampler ranks a stopped one by."""
        epochs, planned = self._roster[key].epochs, self._roster[key].planned_epochs
        return share(len(epochs), planned), measured(epochs[-1], self._params.metric) if epochs else None
