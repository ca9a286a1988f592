"""One point of a Sobol sequence as an Optuna sampler; Optuna's own counts its calls, so a restart would change the sequence."""

from __future__ import annotations

import functools
import math
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from scipy.stats import qmc

_DIMENSIONS = 64  # more hyperparameters than any space here has


class SobolSampler(BaseSampler):
    """Point `number` of the sequence scrambled by `seed`.

    A hyperparameter's dimension is its place in the order of suggestion. Spaces suggest those without a condition first, so
    each of these has the same dimension in every trial.
    """

    def __init__(self, seed: int, number: int) -> None:
        self._seed, self._number = seed, number

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn jointly: the point holds every dimension already."""
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """See infer_relative_search_space."""
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """The value at the point's coordinate for the next hyperparameter of this trial."""
        return value_at(_point(self._seed, self._number)[len(trial.params) % _DIMENSIONS], param_distribution)


def value_at(share: float, distribution: BaseDistribution) -> Any:
    """The value of a range, or of choices in their order, below which lies `share` (0 ≤ share < 1) of what is drawn from it."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    assert isinstance(distribution, IntDistribution | FloatDistribution), "Optuna has no others"
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and not distribution.log:
        return min(type(low)(low + int(share * (round((high - low) / step) + 1)) * step), high)  # 3 · 0.1 > 0.3
    if isinstance(distribution, IntDistribution):  # by the logarithm: as if every whole number reached half a step either way
        return min(max(round(_between(low - 0.5, high + 0.5, share, log=True)), low), high)
    return min(_between(low, high, share, log=distribution.log), high)


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    return math.exp(_between(math.log(low), math.log(high), share, log=False)) if log else low + share * (high - low)


@functools.lru_cache(maxsize=4)
def _point(seed: int, number: int) -> tuple[float, ...]:
    engine = qmc.Sobol(_DIMENSIONS, scramble=True, rng=seed)
    if number:
        engine.fast_forward(number)
    return tuple(engine.random(1)[0].tolist())
