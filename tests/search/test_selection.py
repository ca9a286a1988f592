"""From a study and its reruns to the trial that is refitted, and how optimistic the search was: against a known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ReselectionFailed
from pipeline.outcomes import Outcomes
from pipeline.search.candidates import plan
from pipeline.search.selection import Selection, select
from pipeline.search.settings import Reselect
from pipeline.study.records import State, StudySnapshot
from tests.search.reselecting import CLASSES, said, snapshot, trial

THREE = Reselect(candidates=3, seeds=2)


def selected(study: StudySnapshot, outcomes: dict[str, Outcomes], reselect: Reselect = THREE) -> Selection:
    return select(study, reselect, outcomes, CLASSES, lambda one: 100 + one.number, 0)


def measured(study: StudySnapshot, right: dict[int, tuple[float, ...]], images: int = 100) -> dict[str, Outcomes]:
    """Key of the rerun → outcomes of this share of right ones, by trial number and seed."""
    planned = plan(study, THREE, 0)
    return {rerun.run.key: said(np.arange(images) < round(images * right[rerun.run.number][rerun.repeat])) for rerun in planned}


def rerun_all(study: StudySnapshot, state: State = "completed", only: str = "") -> StudySnapshot:
    """The study with every rerun completed, or in another state those whose key ends in `only`."""
    planned = [(rerun, state if rerun.run.key.endswith(only) else "completed") for rerun in plan(study, THREE, 0)]
    return replace(study, reruns=tuple(replace(rerun, run=replace(rerun.run, state=its)) for rerun, its in planned))


STUDY = snapshot(trial(0, 0.90), trial(1, None), trial(2, 0.99), trial(3, 0.95), trial(4, 0.80))
RIGHT = {0: (0.92, 0.90), 2: (0.80, 0.84), 3: (0.90, 0.88)}


def test_the_trial_with_the_best_new_seeds_is_chosen_and_the_searchs_best_is_measured_again() -> None:
    study = rerun_all(STUDY)
    found = selected(study, measured(study, RIGHT))
    assert (found.chosen.number, found.best.number, found.completed) == (0, 2, 4)
    assert found.reselected is not None
    assert found.reselected.search_optimism == pytest.approx(0.99 - 0.82)
    assert [one.value for one in found.reselected.ranking.candidates] == pytest.approx([0.91, 0.89, 0.82])


def test_a_low_loss_is_optimistic_when_new_seeds_have_a_higher_one() -> None:
    study = rerun_all(snapshot(trial(0, 0.3), trial(1, 0.2), metric="val_loss"))
    found = selected(study, measured(study, {0: (0.9, 0.9), 1: (0.8, 0.8)}))
    assert found.chosen.number == 0 and found.reselected is not None
    assert found.reselected.search_optimism == pytest.approx(0.8 * 0.1 + 0.2 * 2.0 - 0.2)


@pytest.mark.parametrize(("study", "reselect"), [(STUDY, Reselect(candidates=1)), (snapshot(trial(0, 0.9)), THREE)])
def test_without_a_reselection_the_search_decides_and_that_is_said(study: StudySnapshot, reselect: Reselect) -> None:
    found = selected(study, {}, reselect)
    assert found.chosen == found.best == study.best()
    assert found.record()["reselection"] is None


def test_a_candidate_that_does_not_finish_with_every_seed_is_left_out_and_the_reason_told() -> None:
    study = rerun_all(STUDY, "diverged", only="0002-s1")
    found = selected(study, measured(study, RIGHT))
    assert found.reselected is not None
    assert found.reselected.left_out == {2: "diverged with seed 2"}
    assert (found.reselected.search_optimism, found.chosen.number) == (None, 0)
    assert found.record()["reselection"]["left_out"] == [{"trial_number": 2, "why": "diverged with seed 2"}]


def test_when_no_candidate_finishes_the_reasons_are_named() -> None:
    with pytest.raises(ReselectionFailed, match=r"E505 .* trial 2 failed with seed 1, failed with seed 2; trial 3"):
        selected(rerun_all(STUDY, "failed"), {})


def test_reruns_of_trials_that_are_no_candidates_any_more_change_nothing() -> None:
    study = rerun_all(STUDY)
    outcomes = measured(study, RIGHT)
    alone = selected(study, outcomes).record()
    stranger = replace(study.reruns[0], trial_key="00112233-0004", run=replace(study.reruns[0].run, key="00112233-0004-s0"))
    assert selected(replace(study, reruns=(*study.reruns, stranger)), outcomes).record() == alone


def test_scored_on_folds_a_value_is_of_all_images_together() -> None:
    reselect = Reselect(candidates=2, seeds=1, score_on="folds")
    study = snapshot(trial(0, 0.9), trial(1, 0.8))
    planned = plan(study, reselect, 0, folds=2)
    study = replace(study, reruns=tuple(replace(rerun, run=replace(rerun.run, state="completed")) for rerun in planned))
    images = {0: 10, 1: 30}  # in each fold, which the second network gets wrong in the first
    outcomes = {
        rerun.run.key: said(np.full(images[rerun.fold or 0], rerun.run.number == 0 or rerun.fold == 1)) for rerun in planned
    }
    found = select(study, reselect, outcomes, CLASSES, lambda one: 100, 0, folds=2)
    assert found.reselected is not None
    assert [one.value for one in found.reselected.ranking.candidates] == [1.0, 0.75]
    assert (found.reselected.images, found.reselected.scored_on) == (40, "2 folds of train + val")
    broken = tuple(replace(rerun, run=replace(rerun.run, state="failed")) if rerun.fold == 0 else rerun for rerun in study.reruns)
    with pytest.raises(ReselectionFailed, match="trial 0 failed with seed 1; trial 1 failed with seed 1"):
        select(replace(study, reruns=broken), reselect, outcomes, CLASSES, lambda one: 100, 0, folds=2)


def test_a_candidate_trained_in_another_way_says_so() -> None:
    study = rerun_all(STUDY)
    reruns = tuple(replace(one, run=replace(one.run, note="in parts" if one.run.number == 3 else "")) for one in study.reruns)
    record = selected(replace(study, reruns=reruns), measured(study, RIGHT)).record()
    assert record["reselection"]["notes"] == [{"trial_number": 3, "note": "in parts"}]


def test_a_candidate_that_was_interrupted_says_where_it_stood() -> None:
    stopped = replace(STUDY.trials[3], state="interrupted", value=None)
    study = rerun_all(replace(STUDY, trials=tuple(stopped if one.number == 3 else one for one in STUDY.trials)))
    record = selected(study, measured(study, RIGHT)).record()
    stood = "stood after 1 of 1 epochs when the search ended"
    assert record["reselection"]["notes"] == [{"trial_number": 3, "note": stood}]


def test_what_is_written_down_names_who_is_tied_and_holds_plain_values() -> None:
    study = rerun_all(STUDY)
    record = selected(study, measured(study, {0: (0.91, 0.90), 2: (0.60, 0.60), 3: (0.90, 0.90)})).record()
    assert (record["chosen_trial"], record["search"]) == (0, {"trial": 2, "value": 0.99, "completed_trials": 4})
    again = record["reselection"]
    assert (again["seeds"], again["images"], again["tied_with"]) == (2, 100, [3])
    assert [one["trial_number"] for one in again["candidates"]] == [0, 3, 2]
    assert again["low"] < again["value"] == 0.905 < again["high"]


def test_the_best_of_many_noisy_scores_is_optimistic_and_its_score_with_new_seeds_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of 20 networks, truly right with 0.80 to 0.84, each measured on 100 images."""
    monkeypatch.setattr("pipeline.bootstrap.TIMES", 20)
    chance = np.random.default_rng(0)
    search_error, optimism, new_error = [], [], []
    for _ in range(60):
        truth = chance.uniform(0.80, 0.84, 20)
        study = snapshot(*(trial(number, chance.binomial(100, one) / 100) for number, one in enumerate(truth)))
        study = rerun_all(study)
        outcomes = {rerun.run.key: said(chance.random(100) < truth[rerun.run.number]) for rerun in study.reruns}
        found = selected(study, outcomes)
        assert found.best.value is not None and found.reselected is not None and found.reselected.search_optimism is not None
        search_error.append(found.best.value - truth[found.best.number])
        optimism.append(found.reselected.search_optimism)
        new_error.append(found.best.value - found.reselected.search_optimism - truth[found.best.number])
    standard_error = 0.038 / np.sqrt(2 * 60)
    assert np.mean(search_error) > 0.05
    assert abs(np.mean(new_error)) < 3 * standard_error
    assert np.mean(optimism) == pytest.approx(np.mean(search_error), abs=3 * standard_error)
