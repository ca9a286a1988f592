"""Optuna's tables, with two changes: a trial whose commit was answered by nobody is not created a second time, and a driver reads
again only what it has changed.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Container, Iterator, Sequence
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState

from pipeline.addresses import redacted
from pipeline.errors import OtherVersion
from pipeline.study import database, tables


def opened(url: str, alone: bool = False) -> RDBStorage:
    """Optuna's storage in this database, its tables made if they are missing; raises OtherVersion for those of another Optuna.

    alone: nobody else changes trials of the one study that it is used for.
    """
    storage = _opened(url, alone)
    if storage.get_current_version() != storage.get_head_version():
        with _create_scoped_session(storage.scoped_session) as session:
            made_by = session.query(models.VersionInfoModel).one().library_version
        storage.engine.dispose()
        why, remedy = f"Optuna {made_by} made it, this is {optuna.__version__}", "install that one, or upgrade a copy"
        raise OtherVersion("the study's database", where=redacted(url), why=why, remedy=remedy)
    return storage


def _opened(url: str, alone: bool) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
    known = database.options(url)
    if not database.shared(url):
        return ChangedTrials(url, alone, engine_kwargs=known, skip_compatibility_check=True)
    engine = database.engine(url)
    try:
        with tables.one_at_a_time(engine):
            return NumberedStorage(database.address(url), alone, engine_kwargs=known, skip_compatibility_check=True)
    finally:
        engine.dispose()


class ChangedTrials(RDBStorage):
    """Reads of a study what is new, or was changed here.

    Optuna reads every trial again that has not ended whenever one is suggested: all that train, and all that a stopping rule told
    to wait, which become more and more.
    """

    def __init__(self, url: str, alone: bool, **options: Any) -> None:
        super().__init__(url, **options)
        self._alone = alone
        self._changed: set[int] = set()  # ids of trials that were changed since they were read
        self._latest = -1  # the highest id that was read

    def _get_trials(
        self, study_id: int, states: Container[TrialState] | None, included_trial_ids: set[int], trial_id_greater_than: int
    ) -> list[FrozenTrial]:
        """Those that Optuna's cache of the study lacks."""
        all_of_them = not included_trial_ids and trial_id_greater_than < 0
        changed = set(self._changed)
        if self._alone and self._latest >= 0 and not all_of_them:
            included_trial_ids, trial_id_greater_than = changed, self._latest
        found = super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        self._latest = max([self._latest, *(trial._trial_id for trial in found)])
        self._changed -= changed
        return found

    @contextlib.contextmanager
    def _changing(self, trial_id: int) -> Iterator[None]:
        """Noted before, as an answer may be lost, and after, as another thread may have read in between."""
        self._changed.add(trial_id)
        try:
            yield
        finally:
            self._changed.add(trial_id)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna does."""
        with self._changing(trial_id):
            return super().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """As Optuna does."""
        with self._changing(trial_id):
            super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna does."""
        with self._changing(trial_id):
            super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna does."""
        with self._changing(trial_id):
            super().set_trial_system_attr(trial_id, key, value)


class NumberedStorage(ChangedTrials):
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
