"""The best of a search are trained again: which ones, from which seeds, and what becomes of them, without Ray."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from pipeline.errors import DiskFull, WrongValue
from pipeline.search.execution.messages import Message
from pipeline.search.reselection import Reselection, candidates, fold_count, plan, rerun_seed, trained_no_more
from pipeline.search.settings import Reselect
from pipeline.study.records import State, StudySnapshot
from pipeline.study.reruns import Reruns
from tests.projects import write_processed
from tests.search.driving import STUDY, Search, epoch
from tests.search.reselecting import snapshot, trial

TRIALS = [trial(number, value) for number, value in enumerate((0.7, None, 0.9, 0.8, 0.9, 0.6))]


STANDING = ((), (epoch(1, 0.2), epoch(2, 0.95)), (epoch(1, math.nan),))  # of trials not at their end


def numbers(study: StudySnapshot, count: int) -> list[int]:
    return [one.number for one in candidates(study, Reselect(candidates=count))]


def test_the_candidates_are_the_trials_of_the_best_values_the_earlier_of_equals_first() -> None:
    assert numbers(snapshot(*TRIALS), 3) == [2, 4, 3]
    assert numbers(snapshot(*TRIALS), 50) == [2, 4, 3, 0, 5, 1]
    assert numbers(snapshot(*TRIALS, metric="val_loss"), 2) == [5, 0]


@pytest.mark.parametrize("state", ["pruned", "interrupted"])
def test_a_trial_that_was_stopped_or_interrupted_is_a_candidate_with_the_value_where_it_stood(state: State) -> None:
    begun = [replace(trial(6 + index, None), state=state, epochs=epochs) for index, epochs in enumerate(STANDING)]
    assert numbers(snapshot(*TRIALS, *begun), 3) == [7, 2, 4]
    assert [one.value for one in candidates(snapshot(*TRIALS, *begun), Reselect())] == [0.95, 0.9, 0.9]


def test_one_alone_is_no_choice() -> None:
    assert numbers(snapshot(*TRIALS), 1) == numbers(snapshot(*TRIALS[:1]), 3) == []


def test_one_alone_that_did_not_come_to_its_end_is_trained_to_it() -> None:
    assert numbers(snapshot(*TRIALS[1:2]), 3) == [1]
    assert numbers(snapshot(*TRIALS[1:2]), 1) == []


def test_the_plan_has_each_candidate_with_each_seed_and_is_the_same_whenever_it_is_made() -> None:
    planned = plan(snapshot(*TRIALS), Reselect(candidates=2, seeds=2), 7)
    assert [(rerun.trial_key[-4:], rerun.repeat) for rerun in planned] == [("0002", 0), ("0004", 0), ("0002", 1), ("0004", 1)]
    assert planned == plan(snapshot(*TRIALS), Reselect(candidates=2, seeds=2), 7)
    assert planned[0].run.hyperparameters == TRIALS[2].hyperparameters and planned[0].run.epochs == ()


def test_scored_on_folds_each_fold_is_held_out_once_a_seed() -> None:
    planned = plan(snapshot(*TRIALS), Reselect(candidates=2, seeds=2, score_on="folds"), 7, folds=3)
    assert len(planned) == len({rerun.run.key for rerun in planned}) == len({rerun.run.seed for rerun in planned}) == 12
    assert [rerun.fold for rerun in planned if (rerun.run.number, rerun.repeat) == (2, 1)] == [0, 1, 2]
    assert [rerun.fold for rerun in plan(snapshot(*TRIALS), Reselect(), 7, folds=3)] == [None] * 6


def test_folds_that_the_data_does_not_have_are_refused(tmp_path: Path) -> None:
    recipe, data = write_processed(tmp_path), tmp_path / "data/processed"
    with pytest.raises(WrongValue, match=r"search\.reselect\.score_on .* — it has no folds — set split\.folds"):
        fold_count(Reselect(score_on="folds"), recipe, data)
    assert fold_count(Reselect(), recipe, data) == 0


def test_every_rerun_has_a_key_and_a_seed_of_its_own_and_more_of_them_change_none() -> None:
    few, many = (plan(snapshot(*TRIALS), Reselect(candidates=k, seeds=s), 7) for k, s in ((2, 2), (5, 9)))
    seeds = {rerun.run.key: rerun.run.seed for rerun in many}
    assert len(seeds) == len(set(seeds.values())) == 45
    assert all(seeds[rerun.run.key] == rerun.run.seed < 2**31 for rerun in few)
    assert max(map(len, seeds)) <= 32  # characters that the database keeps
    assert rerun_seed(7, "a-s0") != rerun_seed(8, "a-s0")


def test_only_what_is_planned_and_may_be_tried_again_or_goes_on_keeps_its_checkpoint() -> None:
    planned = plan(snapshot(*TRIALS), Reselect(candidates=3, seeds=2), 7)
    its: tuple[State, ...] = ("failed", "out_of_memory", "interrupted", "completed", "diverged", "failed")
    reruns = [replace(rerun, run=replace(rerun.run, state=state)) for rerun, state in zip(planned, its, strict=True)]
    study = replace(snapshot(trial(2, 0.9)), reruns=tuple(reruns))
    kept = {rerun.run.key for rerun in reruns[:3]}
    assert {rerun.run.key for rerun in reruns} - set(trained_no_more(study, planned[:5])) == kept
    assert TRIALS[2].key in trained_no_more(study, planned)


@pytest.fixture
def search(tmp_path: object) -> Search:
    return Search(tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def begun(search: Search) -> tuple[Search, Reselection]:
    """A reselection of three trials with one seed, its first run handed out."""
    search.work(search.conductor(trials=3))
    planned = plan(search.snapshot(), Reselect(seeds=1), 0)
    reselection = Reselection(Reruns(search.url, STUDY), planned, "val_accuracy", search.ended_again.append)
    assert reselection.next() is not None
    return search, reselection


def test_a_rerun_is_committed_before_it_trains_and_each_epoch_as_it_arrives(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    (rerun,) = search.snapshot().reruns
    assert (rerun.run.state, rerun.run.epochs) == ("running", ())
    assert not reselection.heard(Message(rerun.run.key, [epoch(1, 0.5)]))
    assert not reselection.heard(Message(rerun.run.key, [epoch(1, 0.5)]))
    assert search.snapshot().reruns[0].run.epochs == (epoch(1, 0.5),)


@pytest.mark.parametrize(
    ("message", "state", "reason"),
    [
        (Message("", end="failed", reason="Traceback\nValueError: x"), "failed", "Traceback\nValueError: x"),
        (Message("", end="diverged", reason="diverged in epoch 1"), "diverged", "diverged in epoch 1"),
        (Message("", [epoch(1, 0.5, loss=math.inf)], outcomes=b"x"), "diverged", "val_loss is not finite after epoch 1"),
        (None, "failed", "its worker died"),
    ],
)
def test_a_rerun_may_end_badly_and_the_others_go_on(
    begun: tuple[Search, Reselection], message: Message | None, state: str, reason: str
) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    if message is None:
        reselection.lost(key, reason)
    else:
        assert reselection.heard(Message(key, message.epochs, message.end, message.reason, message.outcomes))
    (rerun,) = search.snapshot().reruns
    assert (rerun.run.state, rerun.run.reason, rerun.run.value) == (state, reason, None)
    assert [one.run.state for one in search.ended_again] == [state]
    assert len(reselection.left) == 2 and reselection.next() is not None


def test_a_full_disk_ends_it_and_the_run_waits(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    assert reselection.heard(Message(key, hindrance="disk full", reason="no space"))
    assert isinstance(reselection.failure, DiskFull) and reselection.next() is None
    reselection.close()
    assert search.snapshot().reruns[0].run.state == "interrupted"


@pytest.mark.parametrize(("state", "waits"), [("failed", True), ("out_of_memory", True), ("diverged", False)])
def test_what_failed_or_ran_out_of_memory_is_tried_again_by_the_next_process_and_goes_on_after_its_epochs(
    begun: tuple[Search, Reselection], state: Literal["failed", "out_of_memory", "diverged"], waits: bool
) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    reselection.heard(Message(key, [epoch(1, 0.5)]))
    reselection.heard(Message(key, end=state, reason="because"))
    assert key not in {rerun.run.key for rerun in reselection.left}, "not by the same process"
    reselection.close()
    again = Reselection(Reruns(search.url, STUDY), plan(search.snapshot(), Reselect(seeds=1), 0), "val_accuracy")
    assert (again.next().key == key, len(again.left)) == (waits, 2 + waits)  # type: ignore[union-attr]  # two wait anyway
    run = next(rerun.run for rerun in search.snapshot().reruns if rerun.run.key == key)
    if waits:
        again.heard(Message(key, [epoch(1, 0.5), epoch(2, 0.6)], outcomes=b"said"))
        assert (run.state, run.reason, run.ended_at) == ("running", "", None)
        run = next(rerun.run for rerun in search.snapshot().reruns if rerun.run.key == key)
        assert (run.state, run.value, run.epochs) == ("completed", 0.6, (epoch(1, 0.5), epoch(2, 0.6)))
    else:
        assert (run.state, run.reason) == ("diverged", "because")


def test_what_was_interrupted_and_is_wanted_no_more_is_dropped_and_taken_up_when_it_is_again(
    begun: tuple[Search, Reselection],
) -> None:
    search, reselection = begun
    reselection.close()
    planned, reruns = plan(search.snapshot(), Reselect(seeds=1), 0), Reruns(search.url, STUDY)
    Reselection(reruns, planned[1:], "val_accuracy").close()
    (dropped,) = search.snapshot().reruns
    assert dropped.run.state == "dropped" and "no longer among the candidates" in dropped.run.reason
    again = Reselection(reruns, planned, "val_accuracy")
    assert len(again.left) == 3 and again.next() is not None
    (taken_up,) = search.snapshot().reruns
    assert (taken_up.run.key, taken_up.run.state, taken_up.run.reason) == (dropped.run.key, "running", "")


def test_what_is_to_be_known_of_a_training_is_that_of_the_one_that_goes_on(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    for message, note in (
        (Message(key, [epoch(1, 0.5)], note="8 images at a time"), "8 images at a time"),
        (Message(key, [epoch(1, 0.5)]), ""),
        (Message(key, [epoch(2, 0.5)], note="4 images at a time"), "4 images at a time"),
        (Message(key, end="failed", reason="x"), "4 images at a time"),
    ):
        reselection.heard(message)
        assert search.snapshot().reruns[0].run.note == note


def test_messages_of_runs_that_are_not_live_are_refused(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    before = search.snapshot()
    assert reselection.heard(Message("00112233-0001-s9", [epoch(1, 0.5)]))
    assert search.snapshot() == before
