"""Where a search stands, told to people and to scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.search.lock import Holder
from pipeline.search.standing import Ahead, Standing
from tests.tracking.studies import BEGUN, epoch, rerun, study, trial

DRIVER = Holder(4242, "workstation", "python -m pipeline search", BEGUN)


def standing(*, holder: Holder | None = DRIVER, ahead: Ahead | None = None, finished: bool = False) -> Standing:
    """Five trials: the best is number 2, one runs."""
    trials = [trial(0), trial(1, "pruned", 1), trial(2), trial(3, "failed", 0), trial(4, "running", 2)]
    trials[2] = replace(trials[2], value=0.75)
    return Standing(study(*trials, finished=finished), ahead, holder, BEGUN + 60)


def test_a_running_search_tells_counts_best_what_runs_pace_and_time_left() -> None:
    ahead = Ahead(at=BEGUN + 30, trials=20, seconds_left=330.0, chance=0.25)
    assert standing(ahead=ahead).lines() == [
        "study abcdef01: val_accuracy; process 4242 on workstation searches",
        "  4 of 20 trials done: 2 finished, 1 pruned, 1 failed",
        "  best: trial 2, val_accuracy 0.7500",
        "    model.skip=False  train.epochs=3  train.learning_rate=0.001",
        "  trial 4: epoch 2 of 3, val_accuracy 0.5200",
        "  4.0 trials and 9 epochs a minute, about 5 min left, a better one: 25%",
    ]


def test_without_a_driver_what_ran_is_interrupted_and_nothing_is_promised() -> None:
    ahead = Ahead(at=BEGUN + 30, trials=20, seconds_left=330.0, chance=0.25)
    heading, counts, *rest = standing(holder=None, ahead=ahead).lines()
    assert heading.endswith("nobody searches now, `dvc repro` goes on") and counts.endswith("1 failed, 1 interrupted")
    assert len(rest) == 2 and standing(holder=None, ahead=ahead).seconds_left is None
    assert standing(holder=None, finished=True).lines()[0].endswith("; finished")


def test_before_any_trial_has_ended_there_is_no_best_and_no_end_in_sight() -> None:
    lines = Standing(study(trial(0, "running", 0)), None, DRIVER, BEGUN + 5).lines()
    assert lines[1:4] == ["  0 trials done: 0 finished", "  no best yet", "  trial 0: epoch 0 of 3"]


def test_a_rerun_is_told_apart_from_its_trial() -> None:
    again = rerun(trial(0, "running", 1))
    lines = Standing(replace(study(trial(0)), reruns=(again,)), None, DRIVER, BEGUN + 60).lines()
    assert "  trial 0 again: epoch 1 of 3, val_accuracy 0.5100" in lines


def test_the_record_is_json_and_says_the_same() -> None:
    ahead = Ahead(at=BEGUN + 30, trials=20, seconds_left=20.0, chance=None)
    record = json.loads(json.dumps(standing(ahead=ahead).record()))
    assert record["trials"] == {"completed": 2, "failed": 1, "pruned": 1, "running": 1}
    assert (record["driver"]["pid"], record["seconds_left"], record["trials_wanted"]) == (4242, 0.0, 20)
    assert record["best"]["trial"] == 2 and record["running"] == [{"trial": 4, "epoch": 2, "epochs": 3}]


def test_the_pace_is_that_of_the_last_two_minutes() -> None:
    old = trial(0)
    new = replace(trial(1, "running", 0), epochs=(epoch(1),), committed_at=(BEGUN + 990,))
    assert Standing(study(old, new), None, DRIVER, BEGUN + 1000).pace() == (0.0, 0.5)


def test_what_is_ahead_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Ahead.read(tmp_path) is None
    ahead = Ahead(at=1.5, trials=None, seconds_left=None, chance=0.5)
    ahead.write(tmp_path)
    assert Ahead.read(tmp_path) == ahead


@pytest.mark.parametrize("state", ["diverged", "out_of_memory"])
def test_states_are_words(state: str) -> None:
    told = Standing(study(trial(0, state, 0)), None, None, BEGUN).lines()[1]  # type: ignore[arg-type]
    assert told.endswith(f"1 {state.replace('_', ' ')}")
