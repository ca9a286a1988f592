from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from pipeline.errors import ConvoyError, DiskBroken, DiskFull, NothingFits, OtherVersion, TrialsFail
from pipeline.search.execution.messages import Hindrance, Message
from pipeline.search.failures import FAILURES_IN_A_ROW
from pipeline.search.launching import INFEASIBLE_IN_A_ROW
from pipeline.study.records import State, TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import FIRST, SPACE, STUDY, Search, at_most_4_layers, epoch, space

FOUR_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "4")


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path, FOUR_EPOCHS)


def told(search: Search, number: int = 0) -> optuna.trial.FrozenTrial:
    """The trial as a plain Optuna client sees it."""
    return optuna.load_study(study_name=STUDY, storage=search.url).get_trials()[number]


def accuracies(*values: float) -> list[Message]:
    return [Message(FIRST, [epoch(number, value)]) for number, value in enumerate(values, start=1)]


def test_the_value_of_a_trial_is_the_metric_at_its_last_planned_epoch_not_the_best(search: Search) -> None:
    conductor = search.conductor()
    conductor.next()
    assert [conductor.heard(message) for message in accuracies(0.5, 0.9, 0.8, 0.6)] == [False, False, False, True]
    (trial,) = search.snapshot().trials
    assert (trial.state, trial.value) == ("completed", 0.6)
    assert (told(search).state.name, told(search).value) == ("COMPLETE", 0.6)


def test_a_trial_that_the_rule_stops_is_told_pruned_at_its_share_of_its_own_plan(search: Search) -> None:
    search.measure = lambda trial: [epoch(number, 0.9 - trial.number / 10) for number in range(1, 5)]
    search.work(search.conductor(stopping="median", trials=3, median={"min_trials": 2}))
    assert [trial.state for trial in search.snapshot().trials] == ["completed", "completed", "pruned"]
    pruned = search.snapshot().trials[2]
    assert (len(pruned.epochs), pruned.value, pruned.reason) == (1, None, "stopped by median after 1 of 4 epochs")
    assert (told(search, 2).state.name, told(search, 2).intermediate_values) == ("PRUNED", {25: 0.7})
    assert told(search, 2).constraints == {}


# (what the worker says after its first epoch, how the trial ends, what the sampler hears)
ENDS: list[tuple[Message, State, str, str, dict[str, float]]] = [
    (accuracies(0.5, math.nan)[1], "diverged", "val_accuracy is not finite after epoch 2", "PRUNED", {"diverged": 1.0}),
    (Message(FIRST, end="diverged", reason="at step 2"), "diverged", "at step 2", "PRUNED", {"diverged": 1.0}),
    (Message(FIRST, end="out_of_memory", reason="2.50 GiB"), "out_of_memory", "2.50 GiB", "PRUNED", {"out_of_memory": 1.0}),
    (Message(FIRST, end="failed", reason="…\nValueError: x"), "failed", "…\nValueError: x", "FAIL", {}),
]


@pytest.mark.parametrize(("message", "state", "reason", "heard", "constraints"), ENDS)
def test_a_trial_that_ends_before_its_plan_is_told_as_what_it_is_and_counts(
    search: Search, message: Message, state: State, reason: str, heard: str, constraints: dict[str, float]
) -> None:
    conductor = search.conductor(trials=2)
    conductor.next()
    assert not conductor.heard(accuracies(0.5)[0])
    assert conductor.heard(message)
    (trial,) = search.snapshot().trials
    assert (trial.state, trial.reason, trial.value) == (state, reason, None)
    assert (told(search).state.name, told(search).constraints) == (heard, constraints)
    assert conductor.next() is not None and conductor.next() is None


def test_what_is_to_be_known_of_a_training_is_kept_with_its_trial(search: Search) -> None:
    conductor = search.conductor()
    conductor.next()
    conductor.heard(replace(accuracies(0.5)[0], note="16 images at a time"))
    assert search.snapshot().trials[0].note == "16 images at a time"
    again = search.conductor()  # a driver started since
    again.next()
    again.heard(accuracies(0.5, 0.6)[1])
    assert search.snapshot().trials[0].note == "16 images at a time"


def test_a_trial_whose_worker_keeps_dying_fails_once(search: Search) -> None:
    conductor = search.conductor()
    conductor.next()
    conductor.lost(FIRST, "its worker process died 4 times")
    conductor.lost(FIRST, "again")
    assert search.snapshot().trials[0].reason == "its worker process died 4 times"
    assert conductor.live == 0


def test_infeasible_points_are_never_launched_not_counted_and_told_pruned_with_a_constraint(search: Search) -> None:
    search.fits = at_most_4_layers
    search.work(search.conductor(trials=3, sampler="random"))
    trials = search.snapshot().trials
    infeasible = [trial for trial in trials if trial.state == "infeasible"]
    assert infeasible and len(trials) - len(infeasible) == 3
    assert {int(trial.hyperparameters["model.num_conv_layers"]) > 4 for trial in infeasible} == {True}
    assert {key for key, _ in search.ledger} == {trial.key for trial in trials if trial.state == "completed"}
    number = infeasible[0].number
    assert (told(search, number).state.name, told(search, number).constraints) == ("PRUNED", {"infeasible": 1.0})


def test_100_infeasible_points_in_a_row_end_the_search_with_the_layer_named(search: Search) -> None:
    search.text = FOUR_EPOCHS.replace("low: 1, high: 8", "low: 5, high: 8")
    search.fits = at_most_4_layers
    conductor = search.conductor(sampler="random")
    assert conductor.next() is None
    assert isinstance(conductor.failure, NothingFits) and "layer conv5" in str(conductor.failure)
    assert [trial.state for trial in search.snapshot().trials] == ["infeasible"] * INFEASIBLE_IN_A_ROW


def always_fails(trial: TrialRecord) -> list[EpochMetrics]:
    raise ValueError("no such layer")


def test_the_same_failure_5_times_in_a_row_ends_the_search_with_its_text(search: Search) -> None:
    search.measure = always_fails
    conductor = search.conductor(trials=20)
    search.work(conductor)
    assert isinstance(conductor.failure, TrialsFail) and "no such layer" in str(conductor.failure)
    assert [trial.state for trial in search.snapshot().trials] == ["failed"] * FAILURES_IN_A_ROW


@pytest.mark.parametrize(
    ("hindrance", "kind"), [("disk full", DiskFull), ("disk broken", DiskBroken), ("other code", OtherVersion)]
)
def test_what_hinders_every_trial_ends_the_search_and_its_trials_wait(
    search: Search, hindrance: Hindrance, kind: type[ConvoyError]
) -> None:
    conductor = search.conductor()
    conductor.next()
    assert conductor.heard(Message(FIRST, hindrance=hindrance, reason="x.checkpoint: what the system says"))
    conductor.close({})
    assert isinstance(conductor.failure, kind)
    assert search.snapshot().trials[0].state == "interrupted"


def test_messages_of_trials_that_are_not_live_are_refused(search: Search) -> None:
    conductor = search.conductor()
    conductor.next()
    for message in accuracies(0.1, 0.2, 0.3, 0.4):
        conductor.heard(message)
    before = search.snapshot()
    assert conductor.heard(Message(FIRST, [epoch(5, 0.5)]))
    assert conductor.heard(Message("00112233-0007", [epoch(1, 0.5)]))
    assert search.snapshot() == before


def test_epochs_reported_twice_are_ignored(search: Search) -> None:
    conductor = search.conductor()
    conductor.next()
    first, second, third, _ = accuracies(0.1, 0.2, 0.3, 0.4)
    conductor.heard(first)
    changed = replace(first.epochs[0], train_loss=9.0)
    assert not conductor.heard(Message(FIRST, [changed, *second.epochs, *third.epochs]))
    assert not conductor.heard(second)
    assert search.snapshot().trials[0].epochs == (*first.epochs, *second.epochs, *third.epochs)


def test_epochs_after_the_one_that_the_rule_stops_do_not_count(search: Search) -> None:
    good = iter([0.9, 0.8])
    search.measure = lambda trial: [epoch(number, level) for level in [next(good)] for number in range(1, 5)]
    search.work(search.conductor(trials=2))
    conductor = search.conductor(trials=3, stopping="asha")
    trial = conductor.next()
    assert trial is not None
    assert conductor.heard(Message(trial.key, [epoch(1, 0.1), epoch(2, 0.99)]))
    assert len(search.snapshot().trials[2].epochs) == 1


def test_the_space_gives_first_points_and_everyone_is_told_of_every_end(search: Search) -> None:
    search.text = FOUR_EPOCHS + "first_points:\n  - {train.learning_rate: 0.01, model.num_conv_layers: 3}\n"
    search.work(search.conductor(trials=2))
    trials = search.snapshot().trials
    assert trials[0].hyperparameters["model.num_conv_layers"] == 3
    assert space(search.folder, search.text).first_points[0].items() <= trials[0].hyperparameters.items()
    assert [trial.key for trial in search.ended] == [trial.key for trial in trials]


def test_progress_counts_what_has_ended_and_knows_the_best(search: Search) -> None:
    conductor = search.conductor(trials=3)
    assert (conductor.progress().done, conductor.progress().best) == (0, None)
    search.work(conductor)
    done, best = conductor.progress().done, conductor.progress().best
    assert best is not None
    assert (done, best.key) == (3, max(search.snapshot().trials, key=lambda trial: trial.value or 0).key)
