"""Which of the trials of a search are trained again, and from which seeds."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import WrongValue
from pipeline.search.candidates import candidates, fold_count, plan, rerun_seed, trained_no_more
from pipeline.search.settings import Reselect
from pipeline.study.records import State, StudySnapshot
from tests.projects import write_processed
from tests.search.driving import epoch
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
