"""What mattered is found where something did, and where nothing can be said that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.search.importance import Importance, importance
from pipeline.search.spaces.space import Space, load
from pipeline.study.records import State, StudySnapshot, TrialRecord
from tests.search.driving import epoch

SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: 2
  train.learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
  train.optimizer: {type: categorical, choices: [sgd, adam]}
  train.momentum: {type: float, low: 0.5, high: 0.9, when: {train.optimizer: sgd}}
  model.filters: {type: int, low: 4, high: 32}
"""


@pytest.fixture
def space(tmp_path: Path) -> Space:
    (tmp_path / "space.yaml").write_text(SPACE)
    return load(tmp_path / "space.yaml")


def study(space: Space, count: int, noise: float = 0.0, states: tuple[State, ...] = ("completed",)) -> StudySnapshot:
    """Trials whose accuracy follows from the number of filters alone, and from chance."""
    chance = np.random.default_rng(0)
    trials = []
    for number, drawn in enumerate(space.draws(count)):
        accuracy = float(0.5 + drawn["model.filters"] / 100 + noise * chance.normal())
        state = states[number % len(states)]
        value = accuracy if state == "completed" else None
        epochs = (epoch(1, accuracy),)
        trials.append(TrialRecord(f"k-{number}", number, state, drawn, 0, value, "", 0.0, 9.0, epochs, (1.0,)))
    return StudySnapshot("s", 0.0, "val_accuracy", {}, {}, tuple(trials), True)


def of(snapshot: StudySnapshot, space: Space) -> Importance:
    found = importance(snapshot, space)
    assert found is not None
    return found


def test_what_decides_alone_has_nearly_everything_and_forests_foretell_unseen_trials(space: Space) -> None:
    found = of(study(space, 40), space)
    assert next(iter(found.shares)) == "model.filters" and found.shares["model.filters"] > 0.9
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.explained > 0.8
    assert found == of(study(space, 40), space)


def test_where_chance_decided_nothing_is_explained(space: Space) -> None:
    found = of(study(space, 40, noise=10.0), space)
    assert found.explained < 0.2


def test_stopped_trials_count_and_those_that_failed_do_not(space: Space) -> None:
    assert of(study(space, 20, states=("completed", "pruned")), space).trials == 20
    assert of(study(space, 20, states=("completed", "pruned", "diverged", "failed")), space).trials == 10


def test_what_is_searched_under_a_condition_is_named_and_not_judged(space: Space) -> None:
    found = of(study(space, 20), space)
    assert found.conditional == ("train.momentum",)
    assert set(found.shares) == {"train.learning_rate", "train.optimizer", "model.filters"}


def test_of_too_few_trials_or_equal_ones_nothing_is_said(space: Space) -> None:
    assert importance(study(space, 3), space) is None
    snapshot = study(space, 8)
    equal = tuple(replace(trial, epochs=(epoch(1, 0.5),)) for trial in snapshot.trials)
    assert importance(replace(snapshot, trials=equal), space) is None
