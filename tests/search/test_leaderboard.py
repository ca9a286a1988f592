from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from pipeline.search.candidates import candidates
from pipeline.search.choice import Candidate, Ranking
from pipeline.search.leaderboard import by_cost, curves, history, leaderboard
from pipeline.search.selection import Reselected, Selection
from pipeline.search.settings import Reselect
from pipeline.study.records import State, StudySnapshot, TrialRecord
from tests.search.driving import epoch


def trial(number: int, state: State, *accuracies: float, value: float | None = None, reason: str = "") -> TrialRecord:
    epochs = tuple(epoch(index, accuracy) for index, accuracy in enumerate(accuracies, start=1))
    times = tuple(float(metrics.epoch) for metrics in epochs)
    hyperparameters = {"train.epochs": 2, "train.learning_rate": 0.1}
    return TrialRecord(f"k-{number}", number, state, hyperparameters, 0, value, reason, 0.0, 9.0, epochs, times)


def snapshot(*trials: TrialRecord, metric: str = "val_accuracy") -> StudySnapshot:
    return StudySnapshot("s", 0.0, metric, {}, {}, trials, True)


TRIALS = (
    trial(0, "completed", 0.4, 0.5, value=0.5),
    trial(1, "failed", reason="Traceback\n…\nValueError: x\n"),
    trial(2, "completed", 0.7, 0.8, value=0.8),
    trial(3, "pruned", 0.3, reason="stopped by asha after 1 of 2 epochs"),
    trial(4, "infeasible", reason="layer conv5"),
    trial(5, "running", 0.9),
    trial(6, "diverged", 0.2),
    trial(7, "interrupted", 0.9),
    trial(8, "completed", 0.7, 0.8, value=0.8),
)


def test_the_leaderboard_has_the_best_first_and_nothing_that_runs() -> None:
    table = leaderboard(snapshot(*TRIALS))
    assert table["number"].tolist() == [2, 8, 0, 3, 7, 6, 4, 1]
    assert table["value"].dropna().tolist() == [0.8, 0.8, 0.5]


def test_every_trial_that_may_be_chosen_has_its_row_also_one_that_the_end_of_the_budget_interrupted() -> None:
    study = snapshot(*TRIALS)
    chosen = candidates(study, Reselect())[0]
    assert chosen.state == "interrupted"
    row = leaderboard(study).set_index("number").loc[chosen.number]
    assert (row["state"], row["last_value"], row["epochs"]) == ("interrupted", 0.9, 1)


def test_a_stopped_trial_has_no_value_but_where_it_stood() -> None:
    row = leaderboard(snapshot(*TRIALS)).set_index("number").loc[3]
    assert math.isnan(row["value"])
    assert (row["state"], row["last_value"], row["epochs"], row["seconds"]) == ("pruned", 0.3, 1, 0.5)
    assert (row["train.learning_rate"], row["trial_key"]) == (0.1, "k-3")


def test_a_failed_trial_shows_the_last_line_of_its_text() -> None:
    assert leaderboard(snapshot(*TRIALS)).set_index("number").loc[1, "reason"] == "ValueError: x"


def test_a_low_loss_leads_and_counts_as_best() -> None:
    losses = (trial(0, "completed", value=0.5), trial(1, "completed", value=0.2), trial(2, "completed", value=0.3))
    study = snapshot(*losses, metric="val_loss")
    assert leaderboard(study)["number"].tolist() == [1, 2, 0]
    assert history(study)["best"].tolist() == [0.5, 0.2, 0.2]


def test_the_history_is_of_completed_trials_by_number_with_the_best_so_far() -> None:
    expected = pd.DataFrame({"trial": [0, 2, 8], "value": [0.5, 0.8, 0.8], "best": [0.5, 0.8, 0.8]})
    pd.testing.assert_frame_equal(history(snapshot(*TRIALS)), expected)


def test_the_curves_have_one_row_an_epoch_trained() -> None:
    table = curves(snapshot(*TRIALS))
    assert len(table) == sum(len(trial.epochs) for trial in TRIALS)
    assert table.loc[table["trial"] == 2, ["epoch", "val_accuracy"]].to_numpy().tolist() == [[1, 0.7], [2, 0.8]]


def test_a_study_without_trials_gives_empty_tables() -> None:
    assert [len(table(snapshot())) for table in (leaderboard, history, curves)] == [0, 0, 0]


def test_several_objectives_have_their_columns_and_their_front() -> None:
    costs = [{"parameters": 900.0, "latency_ms": 2.0}, {"parameters": 90.0, "latency_ms": 1.0}, {"parameters": 9.0}]
    ended = [trial(0, "completed", value=0.5), trial(1, "completed", value=0.5), trial(2, "infeasible")]
    trials = tuple(replace(one, costs=its) for one, its in zip(ended, costs, strict=True))
    study = replace(snapshot(*trials), identity={"objectives": "parameters,latency_ms"})
    table = leaderboard(study).set_index("number")
    assert table["parameters"].tolist() == [900.0, 90.0, 9.0] and table["front"].tolist() == [False, True, None]
    assert by_cost(study, "latency_ms") == [(0, 2.0, 0.5, False), (1, 1.0, 0.5, True)]
    assert not {"front", "parameters"} & set(leaderboard(snapshot(*TRIALS)))


def test_candidates_show_what_they_have_with_new_seeds_and_how_they_stand() -> None:
    def candidate(number: int, value: float, behind_low: float) -> Candidate:
        return Candidate(number, f"k-{number}", 9, 0.8, (value,), value, value - 0.1, value + 0.1, behind_low, 0.2)

    ranking = Ranking((candidate(8, 0.75, 0.0), candidate(2, 0.7, -0.01), candidate(0, 0.5, 0.1)), 0.0)
    selection = Selection("val_accuracy", TRIALS[8], TRIALS[2], 3, Reselected(ranking, 1, "val", 9, {}, 0.1))
    table = leaderboard(snapshot(*TRIALS), selection).set_index("number")
    assert table.index.tolist() == leaderboard(snapshot(*TRIALS))["number"].tolist()
    assert table["reselection"].dropna().to_dict() == {2: "tied", 8: "chosen", 0: "behind"}
    assert table.loc[2, ["reselection_value", "reselection_low", "reselection_high"]].tolist() == [0.7, 0.6, 0.7 + 0.1]
    assert "reselection" not in leaderboard(snapshot(*TRIALS))
