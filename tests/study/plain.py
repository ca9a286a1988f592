"""A study as Optuna alone sees it."""

from __future__ import annotations

import optuna

from tests.cluster.servers import driver


def seen_by_optuna(url: str, study_id: str) -> tuple[list[str], list[optuna.trial.FrozenTrial]]:
    """Directions and trials of a study."""
    storage = optuna.storages.RDBStorage(driver(url))
    known = optuna.load_study(study_name=study_id, storage=storage)
    seen = [way.name for way in known.directions], known.get_trials()
    storage.engine.dispose()
    return seen
