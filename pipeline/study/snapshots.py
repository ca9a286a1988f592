"""A study as frozen values, as it stands at each look; what has ended is read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import optuna
import sqlalchemy as sa

from pipeline.study import attributes, reruns, tables
from pipeline.study.records import StudySnapshot, TrialRecord


class Snapshots:
    """Those of one study, in Optuna's tables and through this engine in ours."""

    def __init__(self, study: optuna.Study, study_id: str, engine: sa.Engine) -> None:
        self._study, self._study_id, self._engine = study, study_id, engine
        self._ended: dict[str, TrialRecord] = {}  # these change no more

    def read(self) -> StudySnapshot:
        """All that is committed."""
        planned = attributes.by_key(self._study.get_trials(deepcopy=False))
        changing = [key for key in planned if key not in self._ended]
        # Read after the trials, of whose epochs the end is the last.
        curves = self._curves([*changing, *reruns.keys(self._engine, self._study_id)])
        for key, trial in planned.items():
            if key not in self._ended and trial.state.is_finished():
                self._ended[key] = attributes.record(trial, curves[key])
        row = tables.study_row(self._engine, self._study_id)
        return StudySnapshot(
            study_id=self._study_id,
            created_at=row.created_at,
            metric=row.metric,
            identity=row.identity,
            facts=row.facts,
            trials=tuple(self._ended.get(key) or attributes.record(trial, curves[key]) for key, trial in planned.items()),
            finished=row.finished,
            reruns=reruns.records(self._engine, self._study_id, curves),
        )

    def _curves(self, keys: Sequence[str]) -> dict[str, list[sa.RowMapping]]:
        """Trial key → its epochs, of these trials."""
        curves: dict[str, list[sa.RowMapping]] = defaultdict(list)
        for epoch in tables.epoch_rows(self._engine, self._study_id, keys):
            curves[epoch["trial_key"]].append(epoch)
        return curves
