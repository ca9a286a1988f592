"""Which of some candidates is chosen, and which others are tied with it: values, computed from what their networks said.

A candidate's value is the mean over its new seeds alone. Two things make it unsure (Bouthillier et al. 2021, arXiv 2103.03098).
The images: they are drawn again, for all candidates at once, so that these are compared on the same ones; that covers also
what a seed changes in single images. And what a seed changes in all of them: a component of variance, by the method of moments
(Searle, Casella and McCulloch 1992, chapter 4) what the values of the seeds vary beyond what the images explain; taken to be
the same for all candidates, since each has few seeds, and added to each draw. With one seed it is not known and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline import bootstrap
from pipeline.outcomes import Outcomes
from pipeline.study.records import TrialRecord
from pipeline.training.metrics import direction

CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contender:
    """A candidate as it comes to the choice; `outcomes`: what its networks said, one a seed, all of the same images in order."""

    trial: TrialRecord
    parameters: int
    outcomes: tuple[Outcomes, ...]


@dataclass(frozen=True)
class Candidate:
    """A candidate as it was ranked: the value of each new seed and their mean, which is between `low` and `high`.

    It is behind the chosen one by `behind_low` to `behind_high`, so tied with it when that holds 0.
    """

    trial_number: int
    trial_key: str
    parameters: int
    search_value: float
    values: tuple[float, ...]
    value: float
    low: float
    high: float
    behind_low: float
    behind_high: float

    @property
    def tied(self) -> bool:
        """Whether images and seeds do not tell it from the chosen one."""
        return self.behind_low <= 0.0


@dataclass(frozen=True)
class Ranking:
    """The chosen one first, then the others by their means; intervals of CONFIDENCE.

    optimism: by how much the best of so many means is expected to look better than it is (Efron's estimate from the same
    draws: how much better the best of each draw looks there than in all that was measured).
    """

    candidates: tuple[Candidate, ...]
    optimism: float


def rank(contenders: Sequence[Contender], metric: str, classes: int, seed: int) -> Ranking:
    """Rank by the means; of equal ones the smaller network comes first, then the earlier trial.

    One that is only tied with the best is not preferred for its size: a few seeds that do not tell two networks apart do not
    say that they are equal.
    """
    name, sign = metric.removeprefix("val_"), 1.0 if direction(metric) == "maximize" else -1.0
    values = np.array([[one.score(name, classes) for one in contender.outcomes] for contender in contenders])
    means = values.mean(axis=1)

    def order(index: int) -> tuple[float, int, int]:
        return -sign * means[index], contenders[index].parameters, contenders[index].trial.number

    ranks = sorted(range(len(contenders)), key=order)
    drawn = _drawn_means(contenders, values, name, classes, seed)
    behind = sign * (drawn[:, ranks[:1]] - drawn)
    leader = (sign * drawn).argmax(axis=1)
    optimism = sign * (drawn[np.arange(len(drawn)), leader] - means[leader]).mean()
    limits = (0.0, np.inf if name == "loss" else 1.0)
    within = drawn.clip(*limits)
    ranked = [_candidate(contenders[index], values[index], within[:, index], behind[:, index]) for index in ranks]
    return Ranking(tuple(ranked), float(optimism))


def _drawn_means(contenders: Sequence[Contender], measured: Floats, name: str, classes: int, seed: int) -> Floats:
    """Draws × candidates: the means over the seeds as they might have been; `measured`, candidates × seeds, is how they are."""
    several = [one for contender in contenders for one in contender.outcomes]
    drawn = bootstrap.resample(several, [name], classes, seed)[name].reshape(-1, *measured.shape)
    means: Floats = drawn.mean(axis=2)
    noise = np.random.default_rng([seed, len(several)]).standard_normal(means.shape)
    means += noise * np.sqrt(_variance_of_seeds(measured, drawn) / measured.shape[1])
    return means


def _variance_of_seeds(measured: Floats, drawn: Floats) -> float:
    """Of the values of seeds, beyond what drawing the images varies between the seeds of one candidate."""
    seeds = measured.shape[1]
    if seeds == 1:
        return 0.0
    by_images = (drawn - drawn.mean(axis=2, keepdims=True)).var(axis=0).mean() * seeds / (seeds - 1)
    return max(0.0, float(measured.var(axis=1, ddof=1).mean() - by_images))


def _candidate(contender: Contender, values: Floats, drawn: Floats, behind: Floats) -> Candidate:
    trial = contender.trial
    assert trial.value is not None, "what has no value is no candidate"
    low, high = bootstrap.interval(drawn, CONFIDENCE)
    behind_low, behind_high = bootstrap.interval(behind, CONFIDENCE)
    return Candidate(
        trial_number=trial.number,
        trial_key=trial.key,
        parameters=contender.parameters,
        search_value=trial.value,
        values=tuple(map(float, values)),
        value=float(values.mean()),
        low=low,
        high=high,
        behind_low=behind_low,
        behind_high=behind_high,
    )
