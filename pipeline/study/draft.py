"""The next trial before it is committed: Optuna draws its values in memory, then one transaction writes everything.

Optuna itself commits a trial first and then each of its values, which costs a sync to disk each and leaves a trial without
values behind when the driver is killed in between.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from pipeline.study.attributes import GIVEN
from pipeline.training.hyperparameters import Value

_NOWHERE = -1  # the id of a trial that no database knows yet


def draft(
    study: optuna.Study,
    number: int,
    suggest: Callable[[optuna.Trial], dict[str, Value]],
    given: Mapping[str, Value] | None,
) -> tuple[FrozenTrial, dict[str, Value]]:
    """Trial `number` of the study as `suggest` draws it with the study's sampler, and what `suggest` gives.

    Values that are `given` are not drawn. The trial is ready for `Study.add_trial` and as Optuna would have stored it.
    """
    attributes: dict[str, Any] = {} if given is None else {GIVEN: dict(given)}  # as Study.enqueue_trial
    drafted = FrozenTrial(
        number=number,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=datetime.datetime.now(),
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs=attributes,
        intermediate_values={},
        trial_id=_NOWHERE,
    )
    storage = cast(BaseStorage, _WithDraft(study._storage, drafted))
    view = optuna.Study(study.study_name, storage, study.sampler)
    return drafted, suggest(optuna.Trial(view, _NOWHERE))


class _WithDraft:
    """A storage in which one trial more can be read and written by its id; what lists trials does not show it."""

    def __init__(self, storage: BaseStorage, drafted: FrozenTrial) -> None:
        self._storage, self._draft = storage, drafted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._draft if trial_id == _NOWHERE else self._storage.get_trial(trial_id)

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        return self.get_trial(trial_id).system_attrs

    def set_trial_param(self, trial_id: int, name: str, internal: float, distribution: BaseDistribution) -> None:
        self._draft.params[name] = distribution.to_external_repr(internal)
        self._draft.distributions[name] = distribution

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id == _NOWHERE:
            self._draft.user_attrs[key] = value
        else:
            self._storage.set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id == _NOWHERE:
            self._draft.system_attrs[key] = value
        else:
            self._storage.set_trial_system_attr(trial_id, key, value)
