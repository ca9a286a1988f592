"""What a search within a budget comes to before it begins: trials, time and money, as ranges that a short probe allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from pipeline.search.budget import Budget, Used

_TENTH = 1.2816  # standard deviations beyond which one sum of random lengths in ten lies
_HOUR = 3600.0  # seconds
START_SECONDS = 10.0  # of Ray and MLflow, start and end
DRIVER_SECONDS = 0.2  # of a trial, in which its worker waits for the driver


@dataclass(frozen=True)
class Range:
    """From the least to the most that is to be expected; what lies outside is possible, and not likely."""

    low: float
    high: float

    def map(self, convert: Callable[[float], float]) -> Range:
        """Both ends in another unit."""
        return Range(convert(self.low), convert(self.high))


@dataclass(frozen=True)
class Expectation:
    """Of a search: trials, wall time in seconds, training time of all workers in seconds, money (None without a price)."""

    trials: Range
    seconds: Range
    worker_seconds: Range
    money: Range | None


def expect(budget: Budget, used: Used, trial_seconds: Sequence[float], kept: float, workers: int) -> Expectation | None:
    """For trials that take as long as these when trained to their end; None where nothing but a plateau ends the search.

    At the dear end of each range no trial is stopped early and, of ten searches, nine draw cheaper trials. At the cheap end
    the stopping rule leaves `kept` (0–1) of the training and nine draw dearer ones.
    """
    mean, spread = fmean(trial_seconds), pstdev(trial_seconds)
    dear = _Lengths(mean + DRIVER_SECONDS, _TENTH * spread)
    cheap = _Lengths(kept * mean + DRIVER_SECONDS, -_TENTH * kept * spread)
    further = None if budget.trials is None else max(0, budget.trials - used.trials)
    capacity = _capacity(budget, used, workers)
    if further is None and capacity is None:
        return None
    ends = [_end(lengths, further, capacity) for lengths in (cheap, dear)]
    trials, training = (Range(*sorted(both)) for both in zip(*ends, strict=True))
    seconds = training.map(lambda value: value / workers + START_SECONDS)
    return Expectation(trials, seconds, training, None if budget.price_an_hour is None else _price(budget, seconds))


@dataclass(frozen=True)
class _Lengths:
    """Trials of `mean` seconds, whose sum is off by `spread` times the root of their number."""

    mean: float
    spread: float

    def total(self, trials: float) -> float:
        return max(0.0, trials * self.mean + self.spread * math.sqrt(trials))

    def trials(self, total: float) -> float:
        """How many take so long together."""
        root = (math.sqrt(self.spread**2 + 4 * self.mean * total) - self.spread) / (2 * self.mean)
        return root**2


def _end(lengths: _Lengths, further: int | None, capacity: float | None) -> tuple[float, float]:
    """Trials and training seconds at the limit that is met first."""
    if further is not None and (capacity is None or lengths.total(further) <= capacity):
        return float(further), lengths.total(further)
    assert capacity is not None, "one of the two limits is there"
    return lengths.trials(capacity), capacity


def _capacity(budget: Budget, used: Used, workers: int) -> float | None:
    """Training seconds that the limits on time, worker-hours and money leave."""
    left = []
    if budget.seconds is not None:
        left.append((budget.seconds - used.seconds - START_SECONDS) * workers)
    if budget.worker_hours is not None:
        left.append(_HOUR * budget.worker_hours - used.worker_seconds)
    return max(0.0, min(left)) if left else None


def _price(budget: Budget, seconds: Range) -> Range:
    return seconds.map(lambda value: budget.cost(value) or 0.0)
