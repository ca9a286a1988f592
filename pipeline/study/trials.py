"""What becomes of the trials of a study, in Optuna's tables: what is learned of each, how it is put aside, and how it ends.

Every method commits at once and may be called again after an answer was lost. When it is called, and what is done while the
database is away, is the business of store.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import optuna
import sqlalchemy as sa
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import tables, told
from pipeline.study.attributes import COSTS, NOTE, OUTCOME, PAUSE
from pipeline.study.records import Outcome


class Trials:
    """Those of one study, by their keys."""

    def __init__(self, study: optuna.Study, storage: BaseStorage, study_id: str, engine: sa.Engine) -> None:
        """`storage`: that of the study without Optuna's cache; `engine`: of our own tables."""
        self._study, self._storage, self._study_id, self._engine = study, storage, study_id, engine

    def learn(self, key: str, costs: Mapping[str, float]) -> None:
        """What a network costs, beside what was known before."""
        self._storage.set_trial_user_attr(self._id(key), COSTS, {**self._costs(key), **costs})

    def note(self, key: str, text: str) -> None:
        """What is to be known of the training."""
        self._storage.set_trial_user_attr(self._id(key), NOTE, text)

    def pause(self, key: str, *, epochs: int, share: int, last: float | None) -> None:
        """Where a trial that is to wait stands; it is interrupted besides."""
        self._storage.set_trial_user_attr(self._id(key), PAUSE, {"epochs": epochs, "share": share, "last": last})

    def interrupt(self, key: str) -> None:
        """Optuna shows it WAITING."""
        self._storage.set_trial_state_values(self._id(key), TrialState.WAITING)

    def resume(self, key: str) -> None:
        """Optuna shows it RUNNING."""
        self._storage.set_trial_state_values(self._id(key), TrialState.RUNNING)

    def finish(self, key: str, outcome: Outcome, ended_at: float, *, share: int, last: float | None) -> None:
        """The outcome, and only then what Optuna hears of it; of a repetition that is what it heard of the earlier trial."""
        trial = self._trial(key)
        if trial.state.is_finished():  # the answer to our commit was lost
            return
        heard: dict[str, object] = {"share": share, "last": last}
        if outcome.earlier:
            if costs := self._costs(outcome.earlier):
                self.learn(key, costs)
            heard = {"told": told.again(self._trial(outcome.earlier))}
        ended = {"state": outcome.state, "reason": outcome.reason, "value": outcome.value, "ended_at": ended_at}
        self._storage.set_trial_user_attr(trial._trial_id, OUTCOME, {**ended, **heard})
        told.tell(self._study, self._trial(key), self._objectives)

    def repair(self) -> None:
        """Tell Optuna the outcomes that a killed driver committed but did not tell."""
        for trial in self._study.get_trials(deepcopy=False):
            if OUTCOME in trial.user_attrs and not trial.state.is_finished():
                told.tell(self._study, trial, self._objectives)

    @cached_property
    def _objectives(self) -> tuple[str, ...]:
        return tables.study_row(self._engine, self._study_id).objectives

    def _costs(self, key: str) -> dict[str, float]:
        known: dict[str, float] = self._trial(key).user_attrs.get(COSTS, {})
        return known

    def _trial(self, key: str) -> FrozenTrial:
        return self._storage.get_trial(self._id(key))

    def _id(self, key: str) -> int:
        """Optuna's own number of the trial, unique in the database."""
        number = int(key.rsplit("-", 1)[1])
        known: int = self._study._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
        return known
