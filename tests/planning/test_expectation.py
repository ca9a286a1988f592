from __future__ import annotations

import pytest

from pipeline.planning.expectation import DRIVER_SECONDS, START_SECONDS, Range, expect
from pipeline.search.budget import Budget, Used

SAME = [9.8] * 5  # with what the driver takes, 10 s each
assert SAME[0] + DRIVER_SECONDS == 10.0 == START_SECONDS


def test_so_many_trials_take_so_long_on_so_many_workers_and_cost_so_much() -> None:
    found = expect(Budget(trials=60, price_an_hour=9.0), Used(), SAME, kept=1.0, workers=2)
    assert found is not None
    assert (found.trials, found.worker_seconds) == (Range(60, 60), Range(600, 600))
    assert (found.seconds, found.money) == (Range(310, 310), Range(0.775, 0.775))


def test_without_a_price_there_is_no_money_and_what_is_used_already_counts() -> None:
    found = expect(Budget(trials=60), Used(trials=20), SAME, kept=1.0, workers=4)
    assert found is not None
    assert (found.trials, found.seconds, found.money) == (Range(40, 40), Range(110, 110), None)
    spent = expect(Budget(trials=60), Used(trials=99), SAME, kept=1.0, workers=4)
    assert spent is not None and spent.trials == Range(0, 0)


@pytest.mark.parametrize(
    ("budget", "trials", "seconds"),
    [
        (Budget(minutes=10), 118, 600),
        (Budget(money=1, price_an_hour=12), 58, 300),
        (Budget(worker_hours=0.5), 180, 910),
        (Budget(minutes=10, trials=30), 30, 160),
        (Budget(minutes=10, trials=300), 118, 600),
        (Budget(minutes=10, money=1, price_an_hour=12), 58, 300),
    ],
)
def test_the_limit_met_first_says_how_many_trials_fit(budget: Budget, trials: float, seconds: float) -> None:
    found = expect(budget, Used(), SAME, kept=1.0, workers=2)
    assert found is not None
    assert (found.trials.low, found.seconds.low) == (pytest.approx(trials), pytest.approx(seconds))


def test_stopping_early_and_trials_of_unequal_length_make_a_range() -> None:
    even = expect(Budget(trials=100), Used(), SAME, kept=0.25, workers=1)
    assert even is not None
    assert even.worker_seconds.high == pytest.approx(1000) and even.worker_seconds.low == pytest.approx(100 * (9.8 / 4 + 0.2))
    uneven = expect(Budget(trials=100), Used(), [4.8, 14.8], kept=1.0, workers=1)
    assert uneven is not None
    assert (uneven.worker_seconds.low, uneven.worker_seconds.high) == (pytest.approx(936, abs=1), pytest.approx(1064, abs=1))


@pytest.mark.parametrize("minutes", [1.0, 30.0])
def test_the_trials_that_fit_a_time_take_that_time(minutes: float) -> None:
    lengths = [2.0, 30.0, 9.0]
    timed = expect(Budget(minutes=minutes), Used(), lengths, kept=0.5, workers=3)
    assert timed is not None and timed.trials.low < timed.trials.high
    counted = [expect(Budget(trials=round(n)), Used(), lengths, 0.5, 3) for n in (timed.trials.low, timed.trials.high)]
    assert counted[0] is not None and counted[0].seconds.high == pytest.approx(60 * minutes, rel=0.15)
    assert counted[1] is not None and counted[1].seconds.low == pytest.approx(60 * minutes, rel=0.15)


def test_a_plateau_alone_cannot_be_foreseen() -> None:
    assert expect(Budget(plateau_trials=30), Used(), SAME, kept=1.0, workers=2) is None
