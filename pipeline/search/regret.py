"""How much better than the best trial the best possible one can be, by a model of what was found."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

import optuna

from pipeline.search.space import Space
from pipeline.study.records import TrialRecord

LEAST_TRIALS = 20  # completed, before the model says anything
_MODELLED = 100  # of the best half, at most: a fit takes time that grows with the cube


def regret_bound(space: Space, trials: Iterable[TrialRecord], direction: str, seed: int) -> float:
    """In units of the metric; infinite while too few have completed.

    The difference between confidence bounds of a Gaussian process on the better half of the completed trials, over the space
    and at the best of them: Makarova et al., "Automatic termination for hyperparameter optimization", AutoML 2022,
    https://proceedings.mlr.press/v188/makarova22a.html. Hyperparameters that only some trials have are left out. The first
    call imports torch; the same trials give the same bound.
    """
    completed = [_told(space, trial) for trial in trials if trial.state == "completed" and trial.value is not None]
    if len(completed) < LEAST_TRIALS:
        return math.inf
    from optuna.terminator import RegretBoundEvaluator

    way = optuna.study.StudyDirection.MINIMIZE if direction == "minimize" else optuna.study.StudyDirection.MAXIMIZE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        share = min(0.5, _MODELLED / len(completed))
        evaluator = RegretBoundEvaluator(top_trials_ratio=share, min_n_trials=LEAST_TRIALS, seed=seed)
        return float(evaluator.evaluate(completed, way))


def _told(space: Space, trial: TrialRecord) -> optuna.trial.FrozenTrial:
    fixed = optuna.trial.FixedTrial(dict(trial.hyperparameters), number=trial.number)
    space.suggest(fixed)  # type: ignore[arg-type]  # it has the same methods
    return optuna.trial.create_trial(params=fixed.params, distributions=fixed.distributions, value=trial.value)
