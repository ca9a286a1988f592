"""How much better than the best trial the best possible one can be, by a model of what was found."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterable

import optuna

from pipeline.search.spaces.space import Space
from pipeline.study.records import TrialRecord

LEAST_TRIALS = 20  # completed, before the model says anything
TRIALS_BETWEEN = 10  # two looks: each takes a second of the driver
_MODELLED = 100  # of the best half, at most: a fit takes time that grows with the cube


class Regret:
    """The bound while a search goes on, looked at again after every TRIALS_BETWEEN trials; infinite without a `limit` on it."""

    def __init__(self, limit: float | None, space: Space, seed: int, direction: str) -> None:
        self._limit, self._space, self._seed, self._direction = limit, space, seed, direction
        self._due = 0
        self.bound = math.inf

    def look(self, trials: Collection[TrialRecord], ended: int) -> None:
        """Bring the bound up to date if so many trials that count have `ended` by now that it is due."""
        if self._limit is not None and ended >= self._due:
            self._due = ended + TRIALS_BETWEEN
            self.bound = regret_bound(self._space, trials, self._direction, self._seed)


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
