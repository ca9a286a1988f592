"""A search interrupted, killed or given more, and continued by another conductor on the same database."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import optuna
import pytest

from pipeline.search.execution.messages import Message
from pipeline.study import store
from pipeline.training.hyperparameters import Value
from tests.search.driving import FIRST, SECOND, SPACE, STUDY, Search, at_most_4_layers, epoch, story

RULES = {"stopping": "asha", "trials": 14, "seed": 3}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


def folder(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


def states(search: Search) -> list[str]:
    return [trial.state for trial in search.snapshot().trials]


def optuna_states(search: Search) -> list[str]:
    return [trial.state.name for trial in optuna.load_study(study_name=STUDY, storage=search.url).get_trials()]


def test_the_budget_in_trials_ends_the_search(search: Search) -> None:
    conductor = search.conductor(trials=3)
    search.work(conductor, slots=2)
    assert conductor.exhausted() and not conductor.over
    conductor.close({"commit": "c"})
    assert states(search) == ["completed"] * 3
    assert (search.snapshot().finished, search.snapshot().facts) == (True, {"commit": "c"})


def test_a_raised_budget_continues_a_finished_search(search: Search) -> None:
    for trials in (2, 4):
        conductor = search.conductor(trials=trials)
        search.work(conductor)
        conductor.close({})
    assert states(search) == ["completed"] * 4
    assert max(Counter(search.ledger).values()) == 1
    again = search.conductor(trials=4)
    assert again.exhausted() and again.next() is None


def test_at_the_time_limit_running_trials_are_put_aside_and_go_first_next_time(search: Search) -> None:
    search.text = SPACE.replace("{type: int, low: 1, high: 9}", "8")
    first = search.conductor(trials=None, time_limit_minutes=0.1)  # 6 s, an epoch takes 1
    search.work(first, slots=2)
    assert first.over and first.exhausted()
    first.close({})
    assert states(search) == ["interrupted", "interrupted"]
    assert optuna_states(search) == ["WAITING", "WAITING"]
    second = search.conductor(trials=None, time_limit_minutes=0.3)
    assert not second.exhausted()
    assert [trial.key for trial in (second.next(), second.next()) if trial] == [FIRST, SECOND]
    assert states(search) == ["running", "running"]


def test_the_time_limit_holds_over_all_runs(search: Search) -> None:
    for minutes in (0.1, 0.2, 0.2):
        conductor = search.conductor(trials=None, time_limit_minutes=minutes)
        search.work(conductor)
        conductor.close({})
    assert len(search.ledger) == 12
    assert store.Study(search.url, STUDY).row.seconds_used == 12.0


def test_what_ended_a_search_is_not_changed_by_the_time_that_passes_afterwards(search: Search) -> None:
    conductor = search.conductor(trials=2, time_limit_minutes=1)
    search.work(conductor)
    conductor.close({})
    search.clock.now += 120
    assert str(conductor.spent) == "2 trials (search.trials)"
    assert conductor.seconds_used == len(search.ledger) == store.Study(search.url, STUDY).row.seconds_used


def test_a_killed_driver_has_saved_all_but_ten_seconds_of_the_time_used(search: Search) -> None:
    search.work(search.conductor(trials=None, time_limit_minutes=10), epochs=35)
    assert 25 <= store.Study(search.url, STUDY).row.seconds_used <= 35


def test_a_continued_search_is_not_finished_while_it_runs(search: Search) -> None:
    done = search.conductor(trials=1)
    search.work(done)
    done.close({})
    search.conductor(trials=2).next()
    assert not search.snapshot().finished


def test_being_asked_to_stop_puts_running_trials_aside(search: Search) -> None:
    conductor = search.conductor()
    trial = conductor.next()
    assert trial is not None and not conductor.over
    conductor.stop("SIGINT")
    conductor.stop("SIGTERM")
    assert conductor.over and conductor.stopped_by == "SIGINT"
    assert conductor.heard(Message(trial.key, [epoch(1, 0.1)]))
    assert conductor.next() is None
    conductor.close({})
    assert (states(search), search.snapshot().finished) == (["interrupted"], False)
    assert len(search.snapshot().trials[0].epochs) == 1


def test_what_a_killed_driver_left_running_goes_first_and_finished_trials_never_again(search: Search) -> None:
    search.work(search.conductor(trials=6), slots=2, epochs=20)
    running = [trial.key for trial in search.snapshot().trials if trial.state == "running"]
    assert running and "completed" in states(search)
    before = list(search.ledger)
    conductor = search.conductor(trials=6)
    assert [trial.key for trial in (conductor.next() for _ in running) if trial] == running
    search.work(search.conductor(trials=6), slots=2)
    assert states(search) == ["completed"] * 6
    assert max(Counter(search.ledger).values()) == 1 and search.ledger[: len(before)] == before


def test_trials_left_by_a_killed_driver_are_put_aside_even_when_there_is_no_time_to_take_them_up(search: Search) -> None:
    search.conductor().next()
    conductor = search.conductor()
    conductor.stop("SIGTERM")
    conductor.close({})
    assert (states(search), optuna_states(search)) == (["interrupted"], ["WAITING"])


def test_a_stop_decided_but_not_carried_out_is_honoured(search: Search) -> None:
    search.text = SPACE.replace("{type: int, low: 1, high: 9}", "4")
    conductor = search.conductor(trials=1)
    conductor.next()
    study = store.Study(search.url, STUDY)
    study.add_epoch(FIRST, epoch(1, 0.25), stop=True)  # and the driver dies
    assert search.conductor(trials=1).next() is None
    assert states(search) == ["pruned"]
    (told,) = optuna.load_study(study_name=STUDY, storage=search.url).get_trials()
    assert (told.state.name, told.intermediate_values) == ("PRUNED", {25: 0.25})


@pytest.mark.parametrize(("last", "state"), [(0.5, "completed"), (math.nan, "diverged")])
def test_a_last_epoch_committed_by_a_killed_driver_ends_its_trial(search: Search, last: float, state: str) -> None:
    search.text = SPACE.replace("{type: int, low: 1, high: 9}", "1")
    search.conductor(trials=1).next()
    store.Study(search.url, STUDY).add_epoch(FIRST, epoch(1, last), stop=False)
    assert search.conductor(trials=1).next() is None
    assert states(search) == [state]


def test_a_point_that_a_killed_driver_had_not_found_infeasible_is_not_launched(search: Search) -> None:
    left = search.conductor(trials=1).next()  # killed before it asked whether the network fits
    assert left is not None

    def fits(hyperparameters: Mapping[str, Value]) -> None:
        if hyperparameters == left.hyperparameters:
            at_most_4_layers({"model.num_conv_layers": 5})

    search.fits = fits
    trial = search.conductor(trials=1).next()
    assert trial is not None and trial.key == SECOND
    assert states(search) == ["infeasible", "running"]


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(tmp_path: Path) -> None:
    stories = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        search = Search(folder(tmp_path, name))
        conductor = search.conductor(**{**RULES, "seed": seed})
        search.work(conductor)
        conductor.close({})
        stories.append(story(search.snapshot()))
    assert stories[0] == stories[1] != stories[2]
    assert {entry[4] for entry in stories[0]} == {"completed", "pruned"}


@pytest.mark.parametrize("ending", ["closed", "killed", "killed before the last epoch was heard of"])
def test_a_search_interrupted_again_and_again_goes_the_way_of_an_unbroken_one(tmp_path: Path, ending: str) -> None:
    unbroken, broken = Search(folder(tmp_path, "unbroken")), Search(folder(tmp_path, "broken"))
    unbroken.work(unbroken.conductor(**RULES))
    for epochs in range(1, 9):
        conductor = broken.conductor(**RULES)
        broken.work(conductor, epochs=epochs, heard=ending != "killed before the last epoch was heard of")
        if ending == "closed":
            conductor.close({})
    broken.work(broken.conductor(**RULES))
    assert story(broken.snapshot()) == story(unbroken.snapshot())
    assert broken.ledger == unbroken.ledger


def test_plain_optuna_counts_the_same_trials_after_an_interruption(search: Search) -> None:
    conductor = search.conductor(trials=5)
    search.work(conductor, slots=2, epochs=9)
    conductor.close({})
    name = {"completed": "COMPLETE", "interrupted": "WAITING"}
    assert optuna_states(search) == [name[state] for state in states(search)]
