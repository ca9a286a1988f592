"""Trials that the stopping rule tells to wait, and that go on from where they stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.errors import OverLimit
from pipeline.study.records import TrialRecord
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import SPACE, Search, epoch, story

FOUR_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "4")
HALVES = {"stopping": "asha", "sampler": "random", "asha": {"reduction": 2, "rungs": 1}}  # one rung, at epoch 2


def rising(trial: TrialRecord) -> list[EpochMetrics]:
    """Each trial is better than the one before."""
    return [epoch(number, trial.number / 100 + number / 1000) for number in range(1, trial.planned_epochs + 1)]


def falling(trial: TrialRecord) -> list[EpochMetrics]:
    """Each trial is worse than the one before."""
    return [epoch(number, 0.9 - trial.number / 100) for number in range(1, trial.planned_epochs + 1)]


def trained(search: Search) -> list[int]:
    """Epochs of each trial."""
    return [len(trial.epochs) for trial in search.snapshot().trials]


def states(search: Search) -> list[str]:
    return [trial.state for trial in search.snapshot().trials]


def test_the_first_trial_waits_for_a_second_and_the_better_one_goes_on(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    conductor = search.conductor(**HALVES, trials=4)
    search.work(conductor)
    order = [(int(key[-4:]), number) for key, number in search.ledger]
    assert order == [(0, 1), (0, 2), (1, 1), (1, 2), (0, 3), (0, 4), (2, 1), (2, 2), (3, 1), (3, 2), (1, 3), (1, 4)]
    assert states(search) == ["completed", "completed", "paused", "paused"]
    conductor.close({})
    assert states(search) == ["completed", "completed", "pruned", "pruned"]
    assert [trial.reason for trial in search.snapshot().trials][2:] == ["stopped by asha after 2 of 4 epochs"] * 2


def test_of_those_that_wait_at_the_end_one_comes_to_its_end_when_no_other_did(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=rising)
    conductor = search.conductor(stopping="asha", asha={"reduction": 9, "rungs": 1}, trials=3)
    search.work(conductor)
    assert conductor.exhausted()
    conductor.close({})
    assert (states(search), trained(search)) == (["pruned", "pruned", "completed"], [1, 1, 4])


def test_while_some_train_nobody_is_let_on_for_want_of_others(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=rising)
    conductor = search.conductor(stopping="asha", asha={"reduction": 9, "rungs": 1}, trials=2)
    first, second = conductor.next(), conductor.next()
    assert first is not None and second is not None
    assert conductor.heard(next(search.messages(first)))
    assert (conductor.next() is None and not conductor.exhausted()) or conductor.live
    assert conductor.heard(next(search.messages(second)))
    last = conductor.next()
    assert last is not None and last.key == second.key


def test_the_end_of_the_time_stops_what_waits(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=rising)
    conductor = search.conductor(stopping="asha", asha={"reduction": 9, "rungs": 1}, trials=None, time_limit_minutes=5 / 60)
    search.work(conductor)
    conductor.close({})
    assert search.snapshot().finished and set(states(search)) == {"pruned"}


def test_who_asks_for_the_end_finds_what_waits_waiting(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    conductor = search.conductor(**HALVES, trials=4)
    search.work(conductor, epochs=3)
    conductor.stop("SIGINT")
    conductor.close({})
    assert states(search) == ["paused", "interrupted"]
    search.work(search.conductor(**HALVES, trials=4))
    assert states(search) == ["completed", "completed", "paused", "paused"]


@pytest.mark.parametrize("measure", [rising, falling], ids=["rising", "falling"])
def test_a_search_killed_after_every_epoch_goes_the_way_of_an_unbroken_one(tmp_path: Path, measure: object) -> None:
    stories = []
    for name in ("unbroken", "broken"):
        (tmp_path / name).mkdir()
        search = Search(tmp_path / name, FOUR_EPOCHS, measure=measure)  # type: ignore[arg-type]
        for epochs in range(1, 6) if name == "broken" else ():
            search.work(search.conductor(**HALVES, trials=9), epochs=epochs, heard=epochs % 2 == 0)
        conductor = search.conductor(**HALVES, trials=9)
        search.work(conductor)
        conductor.close({})
        stories.append(story(search.snapshot()))
        assert max(Counter(search.ledger).values()) == 1
    assert stories[0] == stories[1]


@pytest.mark.parametrize("rule", ["none", "median"])
def test_a_rule_that_does_not_pause_ends_what_another_told_to_wait(tmp_path: Path, rule: str) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    search.work(search.conductor(**HALVES, trials=3))
    assert states(search) == ["completed", "paused", "paused"]
    conductor = search.conductor(stopping=rule, trials=4)
    search.work(conductor)
    conductor.close({})
    assert states(search) == ["completed", "pruned", "pruned", "completed"]
    assert {trial.reason for trial in search.snapshot().trials} == {"", "stopped by an earlier rule after 2 of 4 epochs"}


def test_what_waits_and_is_over_a_limit_that_was_set_since_is_trained_no_more(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    search.work(search.conductor(**HALVES, trials=3), epochs=2)
    (waiting,) = search.snapshot().trials
    assert waiting.state == "paused"

    def fits(hyperparameters: Mapping[str, Value]) -> None:
        if hyperparameters == waiting.hyperparameters:
            raise OverLimit("parameters", why="2, but search.limits.parameters is 1", remedy="raise it")

    search.fits = fits
    conductor = search.conductor(**HALVES, trials=3)
    search.work(conductor)
    assert states(search) == ["infeasible", "completed", "paused", "paused"]
    assert trained(search) == [2, 4, 2, 2]
    assert conductor.progress().done == search.conductor(**HALVES, trials=3).progress().done == 3


def test_waiting_ones_count_as_done_and_are_told_of(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    conductor = search.conductor(**HALVES, trials=4)
    search.work(conductor)
    assert conductor.progress().done == search.conductor(**HALVES, trials=4).progress().done == 4
    assert [(trial.number, trial.state) for trial in search.ended] == [
        (0, "paused"),
        (1, "paused"),
        (0, "completed"),
        (2, "paused"),
        (3, "paused"),
        (1, "completed"),
    ]
