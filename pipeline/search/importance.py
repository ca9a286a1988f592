"""How much each hyperparameter mattered: fANOVA (Hutter et al. 2014), and how far the model behind it can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna

from pipeline.search.spaces.domains import Fixed
from pipeline.search.spaces.space import Space
from pipeline.study.records import StudySnapshot, TrialRecord

_FEWEST = 4  # trials: a forest of fewer says nothing
_TREES = 32  # of a forest; 1,000 trials of 22 hyperparameters take it 10 seconds
_PARTS = 5  # of the trials, each foretold by a forest of the others
_SEED = 0


@dataclass(frozen=True)
class Importance:
    """shares: hyperparameter → its share of the variance between configurations, 0 to 1, the largest first.

    Every one of `trials` counts with its metric where it ended. `explained`: how much of the variance between trials forests
    foretell of trials they have not seen: 1 all, 0 no more than the mean does. `conditional`: searched under a condition only,
    so that fANOVA cannot judge them.
    """

    trials: int
    shares: dict[str, float]
    explained: float
    conditional: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def load() -> None:
    """Import what the forests are made of, a second of it, ahead of time."""
    import sklearn.ensemble
    import sklearn.model_selection  # noqa: F401


def importance(snapshot: StudySnapshot, space: Space) -> Importance | None:
    """Of the trials that were trained, stopped ones too; None when they are too few, all equal, or nothing was searched."""
    reached = {trial.key: _reached(trial, snapshot.metric) for trial in snapshot.trials}
    trained = [(trial, value) for trial in snapshot.trials if (value := reached[trial.key]) is not None]
    conditional = tuple(name for name, domain in space.domains.items() if domain.when and not isinstance(domain, Fixed))
    if len(trained) < _FEWEST or len({value for _, value in trained}) == 1:
        return None
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line on every study created
    study = optuna.create_study()  # in memory; which direction is wanted has no influence
    study.add_trials([_completed(trial.hyperparameters, value, space) for trial, value in trained])
    names = [name for name in optuna.search_space.intersection_search_space(study.trials) if name not in conditional]
    if not names:
        return None
    found = optuna.importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=_SEED).evaluate(study, params=names)
    total = sum(found.values())
    shares = {name: value / total if total else 0.0 for name, value in found.items()}
    return Importance(len(trained), shares, _explained(study, names), conditional)


def _reached(trial: TrialRecord, metric: str) -> float | None:
    """The metric where a trial ended that was trained to its end or stopped."""
    if trial.state not in ("completed", "pruned") or not trial.epochs:
        return None
    value: float | None = getattr(trial.epochs[-1], metric)
    return value if value is not None and math.isfinite(value) else None


def _completed(hyperparameters: Mapping[str, Any], value: float, space: Space) -> optuna.trial.FrozenTrial:
    fixed = optuna.trial.FixedTrial(dict(hyperparameters))
    space.suggest(fixed)  # type: ignore[arg-type]  # as every objective of Optuna takes it in place of a Trial
    return optuna.trial.create_trial(params=fixed.params, distributions=fixed.distributions, value=value)


def _explained(study: optuna.Study, names: list[str]) -> float:
    """1 − squared error of what forests say of trials they have not seen, over the variance; no less than 0."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    columns = [[trial.params[name] for trial in study.trials] for name in names]
    encoded = np.array([_numbers(column) for column in columns]).T
    values = np.array([trial.value for trial in study.trials])
    parts = KFold(min(_PARTS, len(values)), shuffle=True, random_state=_SEED)
    foretold = cross_val_predict(RandomForestRegressor(_TREES, random_state=_SEED), encoded, values, cv=parts)
    return max(0.0, float(1 - ((values - foretold) ** 2).sum() / ((values - values.mean()) ** 2).sum()))


def _numbers(column: list[Any]) -> list[float]:
    """A hyperparameter as a forest takes it: numbers as they are, choices by their rank."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        return [float(value) for value in column]
    ranks = {value: rank for rank, value in enumerate(sorted(set(column), key=str))}
    return [float(ranks[value]) for value in column]
