"""What trials cost and a search may still find, from arithmetic, from what was measured and from what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import DoesNotFit, OverLimit
from pipeline.models.layers import layer_table
from pipeline.search.feasibility import cost, require
from pipeline.search.settings import Limits
from pipeline.search.spaces.space import Space
from pipeline.training.hyperparameters import Hyperparameters, Value

_BACKWARD = 2  # multiply-adds of a step backward for each of the step forward: Kaplan et al. 2020, arXiv:2001.08361, 2.1
_PRIOR = 10  # trials in random order that a sampler is judged with beside its own, so that few say little


@dataclass(frozen=True)
class Work:
    """One epoch by arithmetic: steps of the optimizer, and multiply-adds of all images trained and validated on."""

    steps: float
    multiply_adds: float

    @classmethod
    def of(cls, point: Hyperparameters, recipe: Recipe) -> Work:
        """For a configuration on these images; raises DoesNotFit."""
        forward = sum(row.multiply_adds for row in layer_table(point.layers(len(recipe.classes)), recipe.shape))
        images = (1 + _BACKWARD) * recipe.counts["train"] + recipe.counts["val"]
        return cls(math.ceil(recipe.counts["train"] / point.train.batch_size), forward * images)


@dataclass(frozen=True)
class Pace:
    """What this machine takes: the fixed cost of a step and the cost of a multiply-add, both in seconds."""

    step: float
    multiply_add: float

    def seconds(self, work: Work) -> float:
        """Of an epoch."""
        return self.step * work.steps + self.multiply_add * work.multiply_adds


def pace(measured: Sequence[tuple[Work, float]]) -> Pace:
    """The pace that fits measured epochs (their work and seconds) with the least relative error; no cost is below 0.

    A single measurement is divided evenly between steps and multiply-adds.
    """
    works = np.array([(work.steps, work.multiply_adds) for work, _ in measured], dtype=np.float64)
    seconds = np.array([taken for _, taken in measured], dtype=np.float64).clip(1e-9)
    scale = works.mean(0)
    relative = works / scale / seconds[:, None]
    fits = [np.linalg.lstsq(relative, np.ones(len(seconds)))[0]]
    if fits[0].min() < 0:  # one of the two alone
        alone = [relative[:, column] @ np.ones(len(seconds)) / (relative[:, column] @ relative[:, column]) for column in (0, 1)]
        fits = [np.array([alone[0], 0.0]), np.array([0.0, alone[1]])]
    best = min(fits, key=lambda fit: float(((relative @ fit - 1) ** 2).sum()))
    step, multiply_add = (float(cost) for cost in best / scale)
    return Pace(step, multiply_add)


def costs(space: Space, recipe: Recipe, limits: Limits, points: Sequence[Mapping[str, Value]]) -> list[tuple[int, Work]]:
    """Planned epochs and the work of one, of each configuration that would be launched."""
    known = []
    for point in points:
        parsed = space.parse(point)
        try:
            require(cost(parsed, recipe.shape, len(recipe.classes)), limits)
        except (DoesNotFit, OverLimit):
            continue
        known.append((parsed.train.epochs, Work.of(parsed, recipe)))
    return known


def chance_of_better(records: int, ended: int, coming: int) -> float:
    """The chance that one of `coming` trials beats all of the `ended` ones, `records` of which were the best when they ended.

    In random order, trial k is the best so far with the chance 1/k (Rényi 1962). A sampler that learns makes records more
    often: with the chance θ/(θ + k − 1), of which their number says all there is to know (as in Ewens' sampling formula,
    1972). θ is the most likely one, judged as if 10 trials in random order had been seen too. Right on average for trials in
    random order, too low for a sampler that still learns fast.
    """
    skill = _skill(records, ended)
    none = math.lgamma(ended + coming) - math.lgamma(ended) + math.lgamma(skill + ended) - math.lgamma(skill + ended + coming)
    return 1 - math.exp(none)


def _skill(records: int, ended: int) -> float:
    """θ at which the expected number of records is the one seen, by bisection."""
    from scipy.special import digamma

    def expected(skill: float, trials: int) -> float:
        return float(skill * (digamma(skill + trials) - digamma(skill)))

    seen = records + expected(1.0, _PRIOR)
    low, high = 1e-3, 1e3
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle, ended) + expected(middle, _PRIOR) < seen else (low, middle)
    return (low + high) / 2


def duration(seconds: float) -> str:
    """In words that are short and no more exact than they are meant."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
