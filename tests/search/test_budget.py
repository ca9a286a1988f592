from __future__ import annotations

import math
from pathlib import Path

import pytest

from pipeline.search.budget import Budget, Used
from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.settings import SearchParams
from pipeline.study.records import TrialRecord
from tests.search.driving import SPACE, Search, at_most_4_layers, epoch

HOUR = 3600.0
FOUR_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "4")


def key(budget: Budget, used: Used) -> str:
    """Which limit is met."""
    limit = budget.spent(used)
    return "" if limit is None else limit.key


@pytest.mark.parametrize(
    ("budget", "before", "after", "met", "at_once"),
    [
        (Budget(trials=20), Used(trials=19), Used(trials=20), "trials", False),
        (Budget(minutes=1.5), Used(seconds=89), Used(seconds=90), "time_limit_minutes", True),
        (Budget(worker_hours=2), Used(worker_seconds=2 * HOUR - 1), Used(worker_seconds=2 * HOUR), "worker_hours", True),
        (Budget(money=3, price_an_hour=2), Used(seconds=1.4 * HOUR), Used(seconds=1.5 * HOUR), "money", True),
        (Budget(plateau_trials=30), Used(trials=99, since_best=29), Used(trials=99, since_best=30), "until", False),
        (Budget(regret=0.01), Used(trials=99, regret=0.011), Used(trials=99, regret=0.01), "until", False),
    ],
)
def test_each_limit_alone_ends_a_search(budget: Budget, before: Used, after: Used, met: str, at_once: bool) -> None:
    assert key(budget, before) == ""
    assert key(budget, after) == met
    limit = budget.spent(after)
    assert limit is not None and limit.at_once == at_once


def test_the_first_limit_met_ends_it_and_one_that_stops_running_trials_goes_before() -> None:
    budget = Budget(trials=20, minutes=60, worker_hours=3)
    assert key(budget, Used(trials=20, seconds=HOUR / 2)) == "trials"
    assert key(budget, Used(trials=20, seconds=HOUR)) == "time_limit_minutes"


def test_wall_time_is_limited_by_time_and_by_money_whichever_is_less() -> None:
    assert Budget(minutes=60, money=1, price_an_hour=2).seconds == HOUR / 2
    assert Budget(minutes=10, money=1, price_an_hour=2).seconds == 600
    assert Budget(trials=3, price_an_hour=2).seconds is None
    assert (Budget(price_an_hour=2).cost(HOUR / 4), Budget().cost(HOUR)) == (0.5, None)


def test_a_budget_says_all_its_limits() -> None:
    params = {"trials": 5, "time_limit_minutes": 1.5, "worker_hours": 2.0, "money": 3.0, "price_an_hour": 2.0, "until": "plateau"}
    said = "5 trials, 1.5 min, 2 worker-hours, 3 at 2 an hour, 30 trials in a row without a better one"
    assert str(Budget.of(SearchParams.model_validate(params))) == said
    assert str(Budget.of(SearchParams())) == "20 trials"
    assert str(Budget.of(SearchParams(trials=None, until="regret_bound"))) == "at most 0.005 to be gained"


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path, FOUR_EPOCHS)


def test_worker_hours_are_those_of_all_epochs_in_the_study_also_after_a_restart(search: Search) -> None:
    ten_epochs = {"trials": None, "worker_hours": 5 / HOUR}  # an epoch takes half a second
    conductor = search.conductor(**ten_epochs)
    search.work(conductor, slots=2, epochs=7)
    conductor.close({})
    again = search.conductor(**ten_epochs)
    assert again.used.worker_seconds == 3.5
    search.work(again, slots=2)
    assert len(search.ledger) == 10 and again.spent is not None
    again.close({})
    assert {trial.state for trial in search.snapshot().trials} == {"completed", "interrupted"}


def test_without_a_better_one_for_so_many_trials_the_search_ends_and_a_restart_agrees(search: Search) -> None:
    heights = [0.5, 0.7, 0.6, 0.7, 0.7, 0.9, 0.1]
    search.measure = lambda trial: [epoch(number, heights[trial.number]) for number in range(1, 5)]
    conductor = search.conductor(trials=None, until="plateau", plateau_trials=3)
    search.work(conductor)
    assert len(search.snapshot().trials) == 5  # an equal value is no better one
    assert search.conductor(trials=None, until="plateau", plateau_trials=3).exhausted()
    assert not search.conductor(trials=None, until="plateau", plateau_trials=4).exhausted()


def test_trials_of_which_none_completes_are_a_plateau_too(search: Search) -> None:
    search.measure = lambda trial: [epoch(1, math.nan)]
    plateau = {"trials": 10, "until": "plateau", "plateau_trials": 3}
    search.work(search.conductor(**plateau))
    assert [trial.state for trial in search.snapshot().trials] == ["diverged"] * 3
    assert search.conductor(**plateau).exhausted()


def test_a_better_trial_among_the_last_running_ones_makes_a_plateau_go_on(search: Search) -> None:
    conductor = search.conductor(trials=None, until="plateau", plateau_trials=1)
    first, second, third = (conductor.next() for _ in range(3))
    for trial, height in ((first, 0.5), (second, 0.4)):
        _train(conductor, trial, height)
    assert conductor.exhausted() and not conductor.over and conductor.next() is None
    _train(conductor, third, 0.9)
    assert not conductor.exhausted() and conductor.next() is not None


def _train(conductor: Conductor, trial: TrialRecord | None, height: float) -> None:
    assert trial is not None
    conductor.heard(Message(trial.key, [epoch(number, height) for number in range(1, 5)]))


def test_infeasible_points_use_nothing_of_a_budget(search: Search) -> None:
    search.fits = at_most_4_layers
    conductor = search.conductor(trials=3, sampler="random")
    search.work(conductor)
    assert conductor.used.trials == 3 < len(search.snapshot().trials)
    assert search.conductor(trials=3, sampler="random").used.trials == 3
