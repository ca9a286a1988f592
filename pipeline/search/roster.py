"""Every trial of a study in the driver's memory: told of all that is committed, so that no decision waits for the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from pipeline.search.repeats import Runs
from pipeline.search.stopping import Curve
from pipeline.search.tally import Tally
from pipeline.search.verdict import curve
from pipeline.study.records import Outcome, StudySnapshot, TrialRecord
from pipeline.training.metrics import EpochMetrics


class Roster:
    """The trials by key, and what follows from them: curves, sums, the runs of each configuration, and who trains now."""

    def __init__(self, snapshot: StudySnapshot, repeats: int) -> None:
        self.direction = snapshot.direction
        self._metric, self._objectives = snapshot.metric, snapshot.objectives
        self._trials = {trial.key: trial for trial in snapshot.trials}
        self._curves = {trial.key: self._curve(trial) for trial in snapshot.trials}
        self._live: set[str] = set()
        self.tally = Tally(snapshot.direction, snapshot.trials, snapshot.objectives)
        self.runs = Runs(repeats, snapshot.trials)

    def __getitem__(self, key: str) -> TrialRecord:
        return self._trials[key]

    @property
    def trials(self) -> Collection[TrialRecord]:
        """All of them, the earliest first."""
        return self._trials.values()

    @property
    def curves(self) -> Mapping[str, Curve]:
        """Trial key → its curve."""
        return self._curves

    @property
    def live(self) -> Collection[str]:
        """The keys of those that were launched and have not ended or been put aside."""
        return self._live

    def asked(self, trial: TrialRecord) -> None:
        """A trial was committed."""
        self._trials[trial.key], self._curves[trial.key] = trial, self._curve(trial)
        self.tally.asked()

    def launched(self, trial: TrialRecord) -> None:
        """A trial was handed to a worker."""
        self._live.add(trial.key)
        self.runs.add(trial)

    def noted(self, key: str, note: str) -> None:
        """Something is to be known of a trial's training."""
        self._trials[key] = replace(self._trials[key], note=note)

    def learned(self, key: str, costs: Mapping[str, float]) -> TrialRecord:
        """More is known of what a trial's network costs; the trial with it."""
        trial = self._trials[key]
        self._trials[key] = trial = replace(trial, costs={**trial.costs, **costs})
        return trial

    def trained(self, key: str, metrics: EpochMetrics) -> TrialRecord:
        """A trial has trained an epoch more; the trial with it."""
        trial = self._trials[key]
        self._trials[key] = trial = replace(trial, epochs=(*trial.epochs, metrics))
        self._curves[key] = self._curve(trial)
        self.tally.trained([metrics])
        return trial

    def paused(self, key: str, reason: str) -> TrialRecord:
        """A trial is to wait; the trial as it waits."""
        self._trials[key] = trial = replace(self._trials[key], state="paused", reason=reason)
        self._live.discard(key)
        self.tally.stopped(trial)
        return trial

    def resumed(self, key: str) -> TrialRecord:
        """A trial that was put aside is taken up again; the trial as it goes on."""
        self._trials[key] = trial = replace(self._trials[key], state="running", reason="")
        return trial

    def ended(self, key: str, outcome: Outcome) -> TrialRecord:
        """A trial has come to its end; the trial as it ended."""
        self._trials[key] = trial = replace(self._trials[key], state=outcome.state, reason=outcome.reason, value=outcome.value)
        self._live.discard(key)
        self.tally.ended(trial)
        self.runs.add(trial)
        return trial

    def all_put_aside(self) -> None:
        """What was live waits for another driver."""
        self._live.clear()

    def _curve(self, trial: TrialRecord) -> Curve:
        return curve(trial, self._metric, self._objectives)
