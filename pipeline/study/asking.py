"""The next trial of a study: committed before it trains, and drawn once however often the commit is tried."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial

from pipeline.study import attributes
from pipeline.study.attributes import GIVEN, PLAN
from pipeline.study.draft import draft
from pipeline.study.records import TrialRecord
from pipeline.training.hyperparameters import Value


class Asking:
    """Numbers, keys and first points of the trials to come: only who holds the lock of a study adds any."""

    def __init__(self, study: optuna.Study, study_id: str, *, repeated: bool) -> None:
        """`repeated`: whether a commit is tried again when the database was away."""
        self._study, self._study_id, self._repeated = study, study_id, repeated
        trials = study.get_trials(deepcopy=False)
        self.number = len(trials)  # of the next trial, from 0
        self._given = [trial.system_attrs[GIVEN] for trial in trials if GIVEN in trial.system_attrs]

    def commit(
        self,
        suggest: Callable[[optuna.Trial], dict[str, Value]],
        sampler: optuna.samplers.BaseSampler,
        seed: int,
        *,
        first_points: Sequence[Mapping[str, Value]],
        given: Mapping[str, Value] | None,
        audited: bool,
    ) -> Callable[[], TrialRecord]:
        """What commits the next trial, however often it is tried: with the values that were drawn when all could be read."""
        number = self.number
        left = [point for point in first_points if point not in self._given] if given is None else [given]
        point = dict(left[0]) if left else None
        key = f"{self._study_id[:8]}-{number:04d}"
        plan = {"trial_key": key, "seed": seed, "started_at": time.time(), "audited": audited}
        drafted: list[FrozenTrial] = []

        def act() -> TrialRecord:
            if not drafted:
                # An attempt may break off, after which the next one draws the same.
                self._study.sampler = copy.deepcopy(sampler) if self._repeated else sampler
                trial, hyperparameters = draft(self._study, number, suggest, point)
                trial.user_attrs[PLAN] = {**plan, "hyperparameters": hyperparameters}
                drafted.append(trial)
            self._study.add_trial(drafted[0])
            self.number = number + 1
            self._given += [] if point is None else [point]
            return attributes.record(drafted[0], [])

        return act
