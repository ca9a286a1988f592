"""Optuna's tables, with one change: a trial whose commit was answered by nobody is not created a second time."""

from __future__ import annotations

import copy

import optuna
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial

from pipeline.study import database, tables


def opened(url: str) -> RDBStorage:
    """Optuna's storage in this database, its tables made if they are missing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
    known = database.options(url)
    if not database.shared(url):
        return RDBStorage(url, engine_kwargs=known)
    engine = database.engine(url)
    try:
        with tables.one_at_a_time(engine):
            return NumberedStorage(database.address(url), engine_kwargs=known)
    finally:
        engine.dispose()


class NumberedStorage(RDBStorage):
    """For a server, where Optuna itself repeats what creates a trial, up to five times, and so makes two of one.

    The number of the next trial is known: a study has one writer. Whoever holds the row of the study sees whether it is there.
    """

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        assert template_trial is not None, "trials are drafted before they are created"
        with _create_scoped_session(self.scoped_session) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session, for_update=True)
            known = session.query(models.TrialModel).filter_by(study_id=study_id, number=template_trial.number).one_or_none()
            if known is not None:
                return self._build_frozen_trial_from_trial_model(known)
            created = self._get_prepared_new_trial(study_id, template_trial, session)
            frozen = copy.deepcopy(template_trial)
            frozen._trial_id = self._build_frozen_trial_from_trial_model(created)._trial_id
            return frozen
