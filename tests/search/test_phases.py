"""A search with its reselection: one after the other, interrupted anywhere, and nothing of the second reaches the first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import optuna
import pytest

from pipeline.study import store
from tests.search.driving import SPACE, STUDY, Search, story

RULES = {"trials": 4, "seed": 3}
SHORT = SPACE.replace("high: 9", "high: 3")
FINISHED = ["completed"] * 6  # three candidates with two seeds each


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path, SHORT)


def states(search: Search) -> list[str]:
    return [rerun.run.state for rerun in search.snapshot().reruns]


def again(search: Search) -> list[tuple[str, int]]:
    """The ledger of reruns."""
    return [entry for entry in search.ledger if "s" in entry[0]]


@pytest.mark.parametrize("slots", [1, 4])
def test_the_best_are_trained_again_when_the_last_trial_has_ended(search: Search, slots: int) -> None:
    phases = search.phases(**RULES)
    search.work(phases, slots)
    phases.close()
    assert (states(search), phases.exhausted(), phases.live) == (FINISHED, True, 0)
    trials = [key for key, _ in search.ledger if "s" not in key]
    assert search.ledger[len(trials) :] == again(search)
    for rerun in search.snapshot().reruns:
        assert len(rerun.run.epochs) == rerun.run.planned_epochs and rerun.run.value is not None
    assert len(search.ended_again) == 6 and search.snapshot().finished


@pytest.mark.parametrize(("slots", "running"), [(1, []), (5, [4])])
def test_once_it_is_told_that_a_worker_has_nothing_to_do_while_others_train(
    search: Search, slots: int, running: list[int]
) -> None:
    told: list[int] = []
    search.idle = lambda: told.append(sum(trial.state == "running" for trial in search.snapshot().trials))
    search.work(search.phases(**RULES), slots)
    assert told == running


def test_with_one_candidate_there_is_no_reselection(search: Search) -> None:
    phases = search.phases(trials=3, reselect={"candidates": 1})
    search.work(phases)
    phases.close()
    assert (states(search), phases.exhausted()) == ([], True)


def test_the_search_goes_the_same_way_with_a_reselection_in_its_middle(tmp_path: Path) -> None:
    searches = []
    for name in ("without", "with"):
        (tmp_path / name).mkdir()
        search = Search(tmp_path / name)
        for trials in (3, 6):
            phases = search.phases(stopping="asha", seed=3, trials=trials, reselect={"candidates": 3 if name == "with" else 1})
            search.work(phases)
            phases.close()
        searches.append(search)
    without, with_reselection = (search.snapshot() for search in searches)
    assert with_reselection.reruns and with_reselection.trials and not without.reruns
    assert story(with_reselection)[:6] == story(without)
    told = optuna.load_study(study_name=STUDY, storage=searches[1].url).get_trials()
    assert len(told) == 6


@pytest.mark.parametrize("heard", [True, False], ids=["killed", "killed before the last epoch was heard of"])
def test_killed_again_and_again_no_finished_run_is_done_again_and_the_end_is_that_of_an_unbroken_one(
    tmp_path: Path, heard: bool
) -> None:
    unbroken, broken = (Search(tmp_path / name, SHORT) for name in ("unbroken", "broken"))
    for search in (unbroken, broken):
        search.folder.mkdir()
    unbroken.work(unbroken.phases(**RULES))
    broken.work(broken.conductor(**RULES))
    while len(broken.ledger) < len(unbroken.ledger):
        broken.work(broken.phases(**RULES), epochs=3, heard=heard)
    broken.work(broken.phases(**RULES))
    assert story(broken.snapshot()) == story(unbroken.snapshot())
    assert broken.ledger == unbroken.ledger


def test_at_the_time_limit_the_search_ends_and_the_reselection_still_runs_to_its_end(search: Search) -> None:
    search.text = SPACE.replace("{type: int, low: 1, high: 9}", "3")
    phases = search.phases(trials=None, time_limit_minutes=0.25)  # 15 s, an epoch takes 1
    search.work(phases, slots=2)
    phases.close()
    assert states(search) == FINISHED
    assert search.clock.now - 1000 >= 15 + 6 * 3
    assert store.Study(search.url, STUDY).row.seconds_used <= 17
    assert "running" not in {trial.state for trial in search.snapshot().trials}
    assert search.phases(trials=None, time_limit_minutes=0.25).exhausted()


def test_being_asked_to_stop_puts_reruns_aside_and_the_same_command_goes_on(search: Search) -> None:
    search.work(search.phases(trials=3))
    phases = search.phases(trials=3, reselect={"seeds": 3})
    run = phases.next()
    assert run is not None and phases.reselecting
    phases.stop("SIGTERM")
    assert phases.over and phases.next() is None and phases.stopped_by == "SIGTERM"
    phases.close()
    assert Counter(states(search)) == {"completed": 6, "interrupted": 1}
    search.work(search.phases(trials=3, reselect={"seeds": 3}))
    assert states(search) == ["completed"] * 9 and max(Counter(again(search)).values()) == 1


def test_a_search_that_is_stopped_or_fails_reselects_nothing(search: Search) -> None:
    phases = search.phases(trials=3)
    phases.next()
    phases.stop("SIGINT")
    phases.close()
    assert phases.exhausted() and not phases.reselecting


def test_more_candidates_or_seeds_train_only_what_is_new(search: Search) -> None:
    for reselect, count in (({}, 6), ({"seeds": 3}, 9), ({"candidates": 4, "seeds": 3}, 12), ({"candidates": 2}, 12)):
        search.work(search.phases(trials=5, reselect=reselect))
        assert states(search) == ["completed"] * count
    assert max(Counter(again(search)).values()) == 1


def test_what_a_killed_driver_left_running_is_put_aside_when_more_trials_come_first(search: Search) -> None:
    search.work(search.phases(trials=2))
    search.phases(trials=2, reselect={"seeds": 3}).next()
    assert states(search).count("running") == 1
    search.phases(trials=3, reselect={"seeds": 3}).next()
    assert states(search).count("interrupted") == 1


@pytest.mark.parametrize("fewer", [{"seeds": 2}, {"candidates": 1}])
def test_reruns_that_were_interrupted_and_are_wanted_no_more_do_not_stay_so(search: Search, fewer: dict[str, int]) -> None:
    search.work(search.phases(trials=2))
    search.phases(trials=2, reselect={"seeds": 3}).next()
    assert states(search).count("running") == 1
    assert search.phases(trials=2, reselect=fewer).exhausted()
    assert Counter(states(search)) == {"completed": 4, "dropped": 1}
