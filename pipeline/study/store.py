"""The study in its database, the truth: Optuna's tables for what was tried and how it ended, Convoy's for each epoch.

Only the driver that holds the study's lock writes. A trial is committed with its key before it trains, each epoch as it
arrives with the decision taken on it, and a trial's outcome before Optuna hears of it; opening a study finishes what a
killed driver had begun to tell.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import reruns, tables
from pipeline.study.records import State, StudyRow, StudySnapshot, TrialRecord
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics, direction

_PLAN = "convoy"  # user attribute of an Optuna trial: key, seed, hyperparameters, start; written before it trains
_NOTE = "note"  # user attribute: what is to be known of its training
_OUTCOME = "outcome"  # user attribute: state, reason, value, end; written before Optuna is told
_GIVEN = "fixed_params"  # system attribute in which Optuna keeps what a trial was told to try
# PRUNED with a violated constraint: TPE leaves the region (it ignores FAIL).
_CONSTRAINED = ("diverged", "out_of_memory", "infeasible")


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; `value` is the metric at the last planned epoch of a completed trial."""

    state: State
    reason: str = ""
    value: float | None = None


def read(url: str, study_id: str) -> StudySnapshot:
    """The study as it stands, through connections of its own; safe beside the driver that writes."""
    return Study(url, study_id).snapshot()


def latest(url: str) -> StudyRow | None:
    """The study begun last, or None."""
    rows = tables.study_rows(tables.connect(url))
    return rows[-1] if rows else None


def finished(url: str, study_id: str) -> bool:
    """Whether the budget of this study was spent when it was searched last."""
    return any(row.finished for row in tables.study_rows(tables.connect(url)) if row.study_id == study_id)


def create(url: str, row: StudyRow) -> tuple[Study, StudyRow | None]:
    """Open the study of this identity, begun now if there is none; with it, the latest other study when this one is new."""
    engine = tables.connect(url)
    rows = tables.study_rows(engine)
    known = any(other.study_id == row.study_id for other in rows)
    if not known:
        way = direction(row.metric)
        optuna.create_study(storage=_storage(url), study_name=row.study_id, direction=way, load_if_exists=True)
        with engine.begin() as connection:
            connection.execute(sa.insert(tables.studies).values(**vars(row)))
    study = Study(url, row.study_id)
    study.repair()
    return study, None if known or not rows else rows[-1]


class Study:
    """One study, open for reading and, by the driver that holds its lock, for writing."""

    def __init__(self, url: str, study_id: str) -> None:
        """Raises KeyError when the database has no such study."""
        self.study_id = study_id
        self._engine = tables.connect(url)
        self._storage = _storage(url)
        self._optuna = optuna.load_study(study_name=study_id, storage=self._storage)

    @property
    def row(self) -> StudyRow:
        """Identity, facts and time used, as stored now."""
        return next(row for row in tables.study_rows(self._engine) if row.study_id == self.study_id)

    def update(self, *, seconds_used: float, finished: bool, facts: Mapping[str, str] | None = None) -> None:
        """Store what changes while a study lives: the wall time used, whether its budget is spent, and its facts if given."""
        values = {"seconds_used": seconds_used, "finished": finished} | ({} if facts is None else {"facts": dict(facts)})
        with self._engine.begin() as connection:
            connection.execute(sa.update(tables.studies).where(tables.studies.c.study_id == self.study_id).values(values))

    def ask(
        self,
        suggest: Callable[[optuna.Trial], dict[str, Value]],
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        seed: Callable[[int], int],
        first_points: tuple[Mapping[str, Value], ...] = (),
        given: Mapping[str, Value] | None = None,
        audited: Callable[[int], bool] = lambda number: False,
    ) -> TrialRecord:
        """Commit the next trial before it trains; what depends on the number depends on it alone.

        Values that are `given` are not drawn, nor are those of the first points, which come first.

        A trial that a killed driver had asked for but not committed keeps its number and gets the same values again.
        """
        trial = self._unplanned(sampler) or self._next(sampler, first_points, given)
        hyperparameters = suggest(trial)
        key = f"{self.study_id[:8]}-{trial.number:04d}"
        plan = {"trial_key": key, "seed": seed(trial.number), "hyperparameters": hyperparameters, "started_at": time.time()}
        trial.set_user_attr(_PLAN, {**plan, "audited": audited(trial.number)})
        return self._record(self._frozen(key), [])

    def add_epoch(self, key: str, metrics: EpochMetrics, *, stop: bool) -> None:
        """Commit one epoch of a running trial with the stopping rule's decision on it."""
        tables.insert_epoch(self._engine, self.study_id, key, metrics, time.time(), stop)

    def note(self, key: str, text: str) -> None:
        """Commit what is to be known of a trial's training."""
        self._live(key).set_user_attr(_NOTE, text)

    def finish(self, key: str, outcome: Outcome, *, share: int = 1, last: float | None = None) -> None:
        """Commit how a trial ended, then tell Optuna.

        `share` (1–100) of its plan that a stopped trial trained and its metric there, `last`, are what the sampler ranks it by.
        """
        told = {"state": outcome.state, "reason": outcome.reason, "value": outcome.value, "ended_at": time.time()}
        trial = self._live(key)
        trial.set_user_attr(_OUTCOME, {**told, "share": share, "last": last})
        self._tell(trial)

    def finish_as(self, key: str, outcome: Outcome, earlier: str) -> None:
        """Commit that a trial is another one again, and tell Optuna what it was told of the `earlier` one; FAIL if that runs.

        FAIL is what every sampler ignores: nothing is known yet.
        """
        told = {"state": outcome.state, "reason": outcome.reason, "value": None, "ended_at": time.time()}
        known = self._frozen(earlier).user_attrs.get(_OUTCOME, {"state": "failed"})
        trial = self._live(key)
        trial.set_user_attr(_OUTCOME, {**told, "told": known})
        self._tell(trial)

    def interrupt(self, key: str) -> None:
        """Put a running trial aside; Optuna shows it WAITING and `resume` takes it up again."""
        self._storage.set_trial_state_values(self._frozen(key)._trial_id, TrialState.WAITING)

    def resume(self, key: str) -> None:
        """Take up an interrupted trial again."""
        self._storage.set_trial_state_values(self._frozen(key)._trial_id, TrialState.RUNNING)

    def repair(self) -> None:
        """Tell Optuna the outcomes that a killed driver committed but did not tell."""
        for frozen in self._trials():
            if _OUTCOME in frozen.user_attrs and not frozen.state.is_finished():
                self._tell(optuna.Trial(self._optuna, frozen._trial_id))

    def decisions(self) -> dict[str, bool]:
        """Trial key → what the stopping rule said on its latest epoch."""
        return {row["trial_key"]: row["stop"] for row in tables.epoch_rows(self._engine, self.study_id)}

    def snapshot(self) -> StudySnapshot:
        """The whole study as frozen values."""
        curves: dict[str, list[sa.RowMapping]] = defaultdict(list)
        for epoch in tables.epoch_rows(self._engine, self.study_id):
            curves[epoch["trial_key"]].append(epoch)
        planned = [trial for trial in self._trials() if _PLAN in trial.user_attrs]
        row = self.row
        return StudySnapshot(
            study_id=self.study_id,
            created_at=row.created_at,
            metric=row.metric,
            identity=row.identity,
            facts=row.facts,
            trials=tuple(self._record(trial, curves[trial.user_attrs[_PLAN]["trial_key"]]) for trial in planned),
            finished=row.finished,
            reruns=reruns.records(self._engine, self.study_id, curves),
        )

    def _trials(self) -> list[FrozenTrial]:
        return self._optuna.get_trials(deepcopy=False)

    def _frozen(self, key: str) -> FrozenTrial:
        study = self._storage.get_study_id_from_name(self.study_id)
        number = int(key.rsplit("-", 1)[1])
        return self._storage.get_trial(self._storage.get_trial_id_from_study_id_trial_number(study, number))

    def _live(self, key: str) -> optuna.Trial:
        return optuna.Trial(self._optuna, self._frozen(key)._trial_id)

    def _unplanned(self, sampler: Callable[[int], optuna.samplers.BaseSampler]) -> optuna.Trial | None:
        for frozen in self._trials():
            if frozen.state == TrialState.RUNNING and _PLAN not in frozen.user_attrs:
                self._optuna.sampler = sampler(frozen.number)
                return optuna.Trial(self._optuna, frozen._trial_id)
        return None

    def _next(
        self,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        first_points: tuple[Mapping[str, Value], ...],
        given: Mapping[str, Value] | None,
    ) -> optuna.Trial:
        trials = self._trials()
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING and _PLAN not in trial.user_attrs]
        number = waiting[0].number if waiting else len(trials)
        tried = [trial.system_attrs.get(_GIVEN) for trial in trials]
        left = [point for point in first_points if point not in tried] if given is None else [given]
        if not waiting and left:
            self._optuna.enqueue_trial(dict(left[0]))
        self._optuna.sampler = sampler(number)
        return self._optuna.ask()

    def _tell(self, trial: optuna.Trial) -> None:
        frozen = self._storage.get_trial(trial._trial_id)
        if frozen.state == TrialState.WAITING:
            self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        outcome = frozen.user_attrs[_OUTCOME]
        outcome = outcome.get("told", outcome)
        state: State = outcome["state"]
        if state == "completed":
            self._optuna.tell(trial, outcome["value"])
        elif state == "failed":
            self._optuna.tell(trial, state=TrialState.FAIL)
        else:
            _report(trial, frozen, outcome)
            self._optuna.tell(trial, state=TrialState.PRUNED)

    @staticmethod
    def _record(frozen: FrozenTrial, curve: list[sa.RowMapping]) -> TrialRecord:
        plan, outcome = frozen.user_attrs[_PLAN], frozen.user_attrs.get(_OUTCOME, {})
        unfinished: State = "interrupted" if frozen.state == TrialState.WAITING else "running"
        return TrialRecord(
            key=plan["trial_key"],
            number=frozen.number,
            state=outcome.get("state", unfinished),
            hyperparameters=plan["hyperparameters"],
            seed=plan["seed"],
            value=outcome.get("value"),
            reason=outcome.get("reason", ""),
            started_at=plan["started_at"],
            ended_at=outcome.get("ended_at"),
            epochs=tuple(tables.metrics(row) for row in curve),
            committed_at=tuple(row["committed_at"] for row in curve),
            note=frozen.user_attrs.get(_NOTE, ""),
            audited=plan.get("audited", False),
            stops=tuple(row["stop"] for row in curve),
        )


def _report(trial: optuna.Trial, frozen: FrozenTrial, outcome: dict[str, Any]) -> None:
    if outcome["last"] is not None and math.isfinite(outcome["last"]) and not frozen.intermediate_values:
        trial.report(outcome["last"], step=outcome["share"])
    if outcome["state"] in _CONSTRAINED and not frozen.constraints:
        trial.set_constraint(outcome["state"], 1.0)


def _storage(url: str) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
    sqlite = url.startswith("sqlite")
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}} if sqlite else None)
