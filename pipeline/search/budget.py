"""What a search may use, and which limit ends it. A budget is no part of a study's identity: a larger one goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.search.settings import SearchParams

_HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Used:
    """What a study has used so far, all its searches together.

    `trials` that count, so were launched; `seconds` of wall time; `worker_seconds` of training, over all workers, from the
    epochs committed; `since_best` trials ended whose number is above the best one's, without a best one all that ended; `regret`,
    in units of the metric, is what may be gained at most, as far as is known.
    """

    trials: int = 0
    seconds: float = 0.0
    worker_seconds: float = 0.0
    since_best: int = 0
    regret: float = math.inf


@dataclass(frozen=True)
class Limit:
    """A limit of a budget: its key in params.yaml, what it allows in words, and whether running trials stop when it is met."""

    key: str
    text: str
    at_once: bool

    def __str__(self) -> str:
        return f"{self.text} (search.{self.key})"


@dataclass(frozen=True)
class Budget:
    """The limits of a search, None for those that it does not have; the first one met ends it.

    At a limit on trials, or when no improvement is expected, what runs is trained to its end; at a limit on time or money it
    is put aside and goes on under a larger budget. `price_an_hour` is that of all workers together, by wall time.
    """

    trials: int | None = None
    minutes: float | None = None
    worker_hours: float | None = None
    money: float | None = None
    price_an_hour: float | None = None
    plateau_trials: int | None = None
    regret: float | None = None

    @classmethod
    def of(cls, params: SearchParams) -> Budget:
        """The budget that these parameters give."""
        return cls(
            trials=params.trials,
            minutes=params.time_limit_minutes,
            worker_hours=params.worker_hours,
            money=params.money,
            price_an_hour=params.price_an_hour,
            plateau_trials=params.plateau_trials if params.until == "plateau" else None,
            regret=params.regret_bound if params.until == "regret_bound" else None,
        )

    @property
    def seconds(self) -> float | None:
        """Wall time after which the search ends, by its own limit or by money."""
        by_time = [] if self.minutes is None else [60 * self.minutes]
        by_money = [self.money / self.price_an_hour * _HOUR] if self.money is not None and self.price_an_hour else []
        return min(by_time + by_money, default=None)

    def spent(self, used: Used) -> Limit | None:
        """The limit that is met, one that stops running trials first; None while the search may go on."""
        met = [limit for limit, share in self._shares(used) if share >= 1]
        return min(met, key=lambda limit: not limit.at_once, default=None)

    def cost(self, seconds: float) -> float | None:
        """The price of so much wall time; None without a price."""
        return None if self.price_an_hour is None else seconds / _HOUR * self.price_an_hour

    def __str__(self) -> str:
        """All limits in words."""
        return ", ".join(limit.text for limit, _ in self._shares(Used()))

    def _shares(self, used: Used) -> Iterator[tuple[Limit, float]]:
        """Each limit there is, with the share of it that is used."""
        if self.trials is not None:
            yield Limit("trials", f"{self.trials} trials", at_once=False), used.trials / self.trials
        if self.minutes is not None:
            yield Limit("time_limit_minutes", f"{self.minutes:g} min", at_once=True), used.seconds / (60 * self.minutes)
        if self.worker_hours is not None:
            share = used.worker_seconds / (_HOUR * self.worker_hours)
            yield Limit("worker_hours", f"{self.worker_hours:g} worker-hours", at_once=True), share
        if self.money is not None and self.price_an_hour is not None:
            text = f"{self.money:g} at {self.price_an_hour:g} an hour"
            yield Limit("money", text, at_once=True), used.seconds / _HOUR * self.price_an_hour / self.money
        if self.plateau_trials is not None:
            text = f"{self.plateau_trials} trials in a row without a better one"
            yield Limit("until", text, at_once=False), used.since_best / self.plateau_trials
        if self.regret is not None:
            yield Limit("until", f"at most {self.regret:g} to be gained", at_once=False), float(used.regret <= self.regret)
