"""The study in its database, the truth: Optuna's tables for what was tried and how it ended, Convoy's for each epoch.

Only the driver that holds the study's lock writes. A trial is committed with its key before it trains, each epoch as it
arrives with the decision taken on it, and a trial's outcome before Optuna hears of it; opening a study finishes what a
killed driver had begun to tell.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Literal

import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import attributes, reruns, tables, told
from pipeline.study.attributes import COSTS, GIVEN, NOTE, OUTCOME, PAUSE, PLAN
from pipeline.study.draft import draft
from pipeline.study.records import Outcome, StudyRow, StudySnapshot, TrialRecord
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics, direction


def read(url: str, study_id: str) -> StudySnapshot:
    """The study as it stands, through connections of its own; safe beside the driver that writes."""
    return Study(url, study_id).snapshot()


def reader(url: str, study_id: str) -> Callable[[], StudySnapshot]:
    """Reads the study as it stands at each call, what has ended only once; to be called in one thread beside the driver."""

    @cache
    def study() -> Study:
        return Study(url, study_id)

    return lambda: study().snapshot()


def rows(url: str) -> list[StudyRow]:
    """Every study, the one begun last at the end."""
    return tables.study_rows(tables.connect(url))


def latest(url: str) -> StudyRow | None:
    """The study begun last, or None."""
    rows = tables.study_rows(tables.connect(url))
    return rows[-1] if rows else None


def known(url: str, study_id: str) -> bool:
    """Whether the database holds this study."""
    return any(row.study_id == study_id for row in tables.study_rows(tables.connect(url)))


def finished(url: str, study_id: str) -> bool:
    """Whether the budget of this study was spent when it was searched last."""
    return any(row.finished for row in tables.study_rows(tables.connect(url)) if row.study_id == study_id)


def directions(row: StudyRow) -> list[Literal["minimize", "maximize"]]:
    """What a study wants of its metric, and then of its objectives: less."""
    less: Literal["minimize"] = "minimize"
    return [direction(row.metric), *(less for _ in row.objectives)]


def create(url: str, row: StudyRow) -> tuple[Study, StudyRow | None]:
    """Open the study of this identity, begun now if there is none; with it, the latest other study when this one is new."""
    engine = tables.connect(url)
    rows = tables.study_rows(engine)
    begun = any(other.study_id == row.study_id for other in rows)
    if not begun:
        optuna.create_study(storage=_storage(url), study_name=row.study_id, directions=directions(row), load_if_exists=True)
        with engine.begin() as connection:
            connection.execute(sa.insert(tables.studies).values(**vars(row)))
    study = Study(url, row.study_id)
    study.repair()
    return study, None if begun or not rows else rows[-1]


class Study:
    """One study, open for reading and, by the driver that holds its lock, for writing."""

    def __init__(self, url: str, study_id: str) -> None:
        """Raises KeyError when the database has no such study."""
        self.study_id = study_id
        self._engine = tables.connect(url)
        self._storage = _storage(url)
        self._optuna = optuna.load_study(study_name=study_id, storage=self._storage)
        self._ended: dict[str, TrialRecord] = {}  # these change no more
        trials = self._trials()
        self._count = len(trials)  # the number of the next trial: only who holds the lock adds any
        self._given = [trial.system_attrs[GIVEN] for trial in trials if GIVEN in trial.system_attrs]

    @property
    def row(self) -> StudyRow:
        """Identity, facts and time used, as stored now."""
        return next(row for row in tables.study_rows(self._engine) if row.study_id == self.study_id)

    def update(self, *, seconds_used: float, finished: bool, facts: Mapping[str, str] | None = None) -> None:
        """Store what changes while a study lives: the wall time used, whether its budget is spent, and its facts if given."""
        values = {"seconds_used": seconds_used, "finished": finished} | ({} if facts is None else {"facts": dict(facts)})
        with self._engine.begin() as connection:
            connection.execute(sa.update(tables.studies).where(tables.studies.c.study_id == self.study_id).values(values))

    @property
    def next_number(self) -> int:
        """The number of the trial asked for next, from 0."""
        return self._count

    def ask(
        self,
        suggest: Callable[[optuna.Trial], dict[str, Value]],
        sampler: optuna.samplers.BaseSampler,
        seed: int,
        *,
        first_points: Sequence[Mapping[str, Value]] = (),
        given: Mapping[str, Value] | None = None,
        audited: bool = False,
    ) -> TrialRecord:
        """Commit the next trial before it trains.

        Values that are `given` are not drawn, nor are those of the first points, which come first.

        A trial that a killed driver had asked for but not committed keeps its number, and gets the same values again from the
        same sampler.
        """
        number = self._count
        left = [point for point in first_points if point not in self._given] if given is None else [given]
        point = dict(left[0]) if left else None
        self._optuna.sampler = sampler
        trial, hyperparameters = draft(self._optuna, number, suggest, point)
        key = f"{self.study_id[:8]}-{number:04d}"
        plan = {"trial_key": key, "seed": seed, "hyperparameters": hyperparameters, "started_at": time.time()}
        trial.user_attrs[PLAN] = {**plan, "audited": audited}
        self._optuna.add_trial(trial)
        self._count += 1
        self._given += [] if point is None else [point]
        return attributes.record(trial, [])

    def add_epoch(self, key: str, metrics: EpochMetrics, *, stop: bool) -> None:
        """Commit one epoch of a running trial with the stopping rule's decision on it."""
        tables.insert_epoch(self._engine, self.study_id, key, metrics, time.time(), stop)

    def learn(self, key: str, costs: Mapping[str, float]) -> None:
        """Commit what is known of a trial's network, beside what was known before; of a study's objectives all before it ends."""
        if costs:
            self._storage.set_trial_user_attr(self._trial_id(key), COSTS, {**self._costs(key), **costs})

    def note(self, key: str, text: str) -> None:
        """Commit what is to be known of a trial's training."""
        self._storage.set_trial_user_attr(self._trial_id(key), NOTE, text)

    def finish(self, key: str, outcome: Outcome, *, share: int = 1, last: float | None = None) -> None:
        """Commit how a trial ended, then tell Optuna.

        `share` (1–100) of its plan that a stopped trial trained and its metric there, `last`, are what the sampler ranks it by.
        Of a repetition Optuna is told what it was told of the earlier trial.
        """
        trial_id = self._trial_id(key)
        ended = {"state": outcome.state, "reason": outcome.reason, "value": outcome.value, "ended_at": time.time()}
        heard: dict[str, object] = {"share": share, "last": last}
        if outcome.earlier:
            self.learn(key, self._costs(outcome.earlier))
            heard = {"told": told.again(self._storage.get_trial(self._trial_id(outcome.earlier)))}
        self._storage.set_trial_user_attr(trial_id, OUTCOME, {**ended, **heard})
        told.tell(self._optuna, self._storage.get_trial(trial_id), self._objectives)

    def pause(self, key: str, *, epochs: int, share: int, last: float | None) -> None:
        """Put a trial aside that is to wait after so many epochs; until it ends, the sampler takes it for stopped there.

        `share` and `last` as of finish.
        """
        self._storage.set_trial_user_attr(self._trial_id(key), PAUSE, {"epochs": epochs, "share": share, "last": last})
        self.interrupt(key)

    def interrupt(self, key: str) -> None:
        """Put a running trial aside; Optuna shows it WAITING and `resume` takes it up again."""
        self._storage.set_trial_state_values(self._trial_id(key), TrialState.WAITING)

    def resume(self, key: str) -> None:
        """Take up a trial again that was put aside."""
        self._storage.set_trial_state_values(self._trial_id(key), TrialState.RUNNING)

    def repair(self) -> None:
        """Tell Optuna the outcomes that a killed driver committed but did not tell."""
        for frozen in self._trials():
            if OUTCOME in frozen.user_attrs and not frozen.state.is_finished():
                told.tell(self._optuna, frozen, self._objectives)

    def snapshot(self) -> StudySnapshot:
        """The whole study as frozen values."""
        planned = attributes.by_key(self._trials())
        changing = [key for key in planned if key not in self._ended]
        # Read after the trials, of whose epochs the end is the last.
        curves = self._curves([*changing, *reruns.keys(self._engine, self.study_id)])
        for key, trial in planned.items():
            if key not in self._ended and trial.state.is_finished():
                self._ended[key] = attributes.record(trial, curves[key])
        row = self.row
        return StudySnapshot(
            study_id=self.study_id,
            created_at=row.created_at,
            metric=row.metric,
            identity=row.identity,
            facts=row.facts,
            trials=tuple(self._ended.get(key) or attributes.record(trial, curves[key]) for key, trial in planned.items()),
            finished=row.finished,
            reruns=reruns.records(self._engine, self.study_id, curves),
        )

    @cached_property
    def _objectives(self) -> tuple[str, ...]:
        return self.row.objectives

    def _trials(self) -> list[FrozenTrial]:
        return self._optuna.get_trials(deepcopy=False)

    def _curves(self, keys: Sequence[str]) -> dict[str, list[sa.RowMapping]]:
        """Trial key → its epochs, of these trials."""
        curves: dict[str, list[sa.RowMapping]] = defaultdict(list)
        for epoch in tables.epoch_rows(self._engine, self.study_id, keys):
            curves[epoch["trial_key"]].append(epoch)
        return curves

    def _trial_id(self, key: str) -> int:
        """Optuna's own number of the trial, unique in the database."""
        number = int(key.rsplit("-", 1)[1])
        known: int = self._optuna._storage.get_trial_id_from_study_id_trial_number(self._optuna._study_id, number)
        return known

    def _costs(self, key: str) -> dict[str, float]:
        known: dict[str, float] = self._storage.get_trial(self._trial_id(key)).user_attrs.get(COSTS, {})
        return known


def _storage(url: str) -> optuna.storages.RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
    sqlite = url.startswith("sqlite")
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}} if sqlite else None)
