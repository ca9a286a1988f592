from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from pipeline.errors import NothingFits
from pipeline.search.execution.messages import Message
from pipeline.search.repeats import IN_A_ROW, Runs, configuration
from pipeline.study import store
from pipeline.study.records import Outcome, State, TrialRecord
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import FIRST, SECOND, STUDY, Search, at_most_4_layers, epoch, space, story

SIX = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: 2
  train.learning_rate: 0.01
  model.num_conv_layers: {type: int, low: 1, high: 6}
"""
CONDITIONAL = """
family: cnn
smallest_image: 8
hyperparameters:
  train.optimizer: {type: categorical, choices: [adam, sgd]}
  train.momentum: {type: float, low: 0.1, high: 0.3, step: 0.1, when: {train.optimizer: sgd}}
  model.num_conv_layers: {type: int, low: 1, high: 5, step: 2}
  model.filters: 4
"""


def by_layers(trial: TrialRecord) -> list[EpochMetrics]:
    """Deeper is better; the second epoch is as good as the first."""
    layers = int(trial.hyperparameters["model.num_conv_layers"])
    return [epoch(number, layers / 10) for number in range(1, trial.planned_epochs + 1)]


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path, SIX, measure=by_layers)


def run(search: Search, **params: object) -> Counter[State]:
    conductor = search.conductor(**params)
    search.work(conductor)
    conductor.close({})
    return Counter(trial.state for trial in search.snapshot().trials)


def launched(search: Search) -> list[int]:
    """The number of layers of every trial that trained."""
    trials = [trial for trial in search.snapshot().trials if trial.epochs]
    return [int(trial.hyperparameters["model.num_conv_layers"]) for trial in trials]


def told(search: Search) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=STUDY, storage=search.url).get_trials()


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_small_space_is_searched_through_without_running_anything_twice(search: Search, sampler: str) -> None:
    states = run(search, trials=6, sampler=sampler)
    assert sorted(launched(search)) == [1, 2, 3, 4, 5, 6]
    assert states["completed"] == 6


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_space_that_is_exhausted_ends_the_search_in_its_own_words(search: Search, repeats: int) -> None:
    conductor = search.conductor(trials=1000, repeats=repeats)
    search.work(conductor)
    assert conductor.exhausted() and conductor.failure is None
    assert str(conductor.spent) == "every configuration of the space (search.space)"
    assert Counter(launched(search)) == dict.fromkeys(range(1, 7), repeats)
    conductor.close({})
    assert search.snapshot().finished


def test_an_exhausted_search_started_again_asks_for_nothing_more(search: Search) -> None:
    run(search, trials=1000)
    before = story(search.snapshot())
    again = search.conductor(trials=1000)
    assert again.next() is None and again.exhausted()
    assert story(search.snapshot()) == before


def test_a_repetition_is_told_what_its_trial_was_told_and_is_not_counted(search: Search) -> None:
    run(search, trials=6, sampler="random")
    repeated = [trial for trial in search.snapshot().trials if trial.state == "repeated"]
    assert repeated and all(trial.value is None and not trial.epochs for trial in repeated)
    known = {int(trial.params["model.num_conv_layers"]): trial.value for trial in told(search)}
    for trial in repeated:
        again = told(search)[trial.number]
        assert (again.state.name, again.value) == ("COMPLETE", known[int(trial.hyperparameters["model.num_conv_layers"])])
    assert f"trial {told(search)[0].number} again" in {trial.reason for trial in repeated} or len(repeated) < 3
    assert search.conductor(trials=6).progress().done == 6


# (how the first trial ends, what Optuna is told of its repetition)
ENDS = [
    (Message(FIRST, [epoch(1, 0.5), epoch(2, 0.4)]), ("COMPLETE", {}, {})),
    (Message(FIRST, [epoch(1, 0.5)], "diverged"), ("PRUNED", {50: 0.5}, {"diverged": 1.0})),
    (Message(FIRST, [], "failed", "ValueError"), ("FAIL", {}, {})),
    (None, ("FAIL", {}, {})),  # it still runs: nothing is known of it
]


@pytest.mark.parametrize(("message", "expected"), ENDS)
def test_whatever_became_of_a_trial_is_told_of_its_repetition(
    search: Search, message: Message | None, expected: tuple[object, ...]
) -> None:
    search.text = SIX.replace("high: 6", "high: 1")
    conductor = search.conductor()
    conductor.next()
    if message is not None:
        conductor.heard(message)
    conductor.next()
    second = told(search)[1]
    assert (second.state.name, second.intermediate_values, second.constraints) == expected
    assert search.snapshot().trials[1].reason == "trial 0 again"


def test_a_limit_that_stops_running_trials_does_so_also_when_the_space_is_exhausted(search: Search) -> None:
    conductor = search.conductor(trials=1000, time_limit_minutes=1)
    running = [conductor.next() for _ in range(6)]
    assert None not in running and conductor.next() is None
    assert conductor.spent is not None and conductor.spent.key == "space" and not conductor.over
    search.clock.now += 60
    assert conductor.spent.key == "time_limit_minutes" and conductor.over


def test_what_does_not_fit_is_no_configuration_left_to_run(search: Search) -> None:
    search.fits = at_most_4_layers
    conductor = search.conductor(trials=1000)
    search.work(conductor)
    assert sorted(launched(search)) == [1, 2, 3, 4]
    assert conductor.failure is None and conductor.exhausted()


def test_a_space_in_which_nothing_fits_says_so(search: Search) -> None:
    search.text, search.fits = SIX.replace("low: 1", "low: 5"), at_most_4_layers
    conductor = search.conductor()
    assert conductor.next() is None
    assert isinstance(conductor.failure, NothingFits) and "layer conv5" in str(conductor.failure)


def test_interrupted_again_and_again_a_small_search_goes_the_way_of_an_unbroken_one(tmp_path: Path) -> None:
    searches = []
    for name in ("unbroken", "broken"):
        (tmp_path / name).mkdir()
        searches.append(Search(tmp_path / name, SIX, measure=by_layers))
    unbroken, broken = searches
    unbroken.work(unbroken.conductor(trials=1000))
    for epochs in range(1, 8):
        broken.work(broken.conductor(trials=1000), epochs=epochs)
    broken.work(broken.conductor(trials=1000))
    assert story(broken.snapshot()) == story(unbroken.snapshot())


class Killed(BaseException):
    """The driver dies."""


@pytest.mark.parametrize("ending", ["repeated", "infeasible"])
def test_killed_before_it_ends_what_is_not_to_be_run_a_search_goes_the_way_of_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: State
) -> None:
    unbroken, broken = (Search(tmp_path / name, SIX, at_most_4_layers, measure=by_layers) for name in ("unbroken", "broken"))
    for search in (unbroken, broken):
        search.folder.mkdir()
    unbroken.work(unbroken.conductor(trials=1000))
    finish, died = store.Study.finish, set[str]()

    def dies_at_first(study: store.Study, key: str, outcome: Outcome, **told: Any) -> None:
        if outcome.state == ending and key not in died:
            died.add(key)
            raise Killed
        finish(study, key, outcome, **told)

    monkeypatch.setattr(store.Study, "finish", dies_at_first)
    over = False
    while not over:
        with suppress(Killed):
            broken.work(broken.conductor(trials=1000))
            over = True
    assert story(broken.snapshot()) == story(unbroken.snapshot())
    assert died == {trial.key for trial in unbroken.snapshot().trials if trial.state == ending} != set()


def test_a_trial_left_by_a_killed_driver_is_no_repetition_of_itself(search: Search) -> None:
    first = search.conductor().next()
    again = search.conductor().next()
    assert first is not None and again is not None
    assert (first.key, again.key) == (FIRST, FIRST)
    assert SECOND not in {trial.key for trial in search.snapshot().trials}


def test_fixed_values_and_their_types_are_part_of_a_configuration_and_the_last_bits_of_a_number_are_not() -> None:
    point: dict[str, Value] = {"a": 0.1 + 0.2, "b": 1}
    assert configuration(point) == configuration({"b": 1, "a": 0.3})
    assert len({configuration(other) for other in (point, {**point, "b": True}, {**point, "b": 2}, {"a": 0.3})}) == 4


def test_a_space_lists_all_that_it_can_suggest_and_nothing_else(tmp_path: Path) -> None:
    small = space(tmp_path, CONDITIONAL)
    every = small.configurations(100)
    assert every is not None and len(every) == 3 * (1 + 3)
    drawn = {configuration(point) for point in small.draws(300)}
    assert drawn == {configuration(point) for point in every}
    assert small.configurations(11) is None


@pytest.mark.parametrize("change", ["{type: float, low: 0.1, high: 0.3}", "{type: float, low: 0.1, high: 0.3, log: true}"])
def test_a_space_with_real_numbers_cannot_be_listed(tmp_path: Path, change: str) -> None:
    text = CONDITIONAL.replace("{type: float, low: 0.1, high: 0.3, step: 0.1, ", change[:-1] + ", ")
    assert space(tmp_path, text).configurations(10**6) is None


def test_a_sampler_is_stuck_after_so_many_repetitions_since_the_last_launch() -> None:
    first = TrialRecord("k", 0, "completed", {"a": 1}, 0, 0.5, "", 0.0, 0.0, (), ())
    runs = Runs(1, [first])
    for number in range(1, IN_A_ROW + 1):
        assert not runs.stuck
        runs.add(replace(first, number=number, state="repeated"))
    assert runs.stuck
    runs.add(replace(first, number=IN_A_ROW + 1, state="running", hyperparameters={"a": 2}))
    assert not runs.stuck
