from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import DoesNotFit, OverLimit
from pipeline.models.memory import training_bytes
from pipeline.search.feasibility import SAMPLE, Cost, cost, infeasible, require, require_feasible, within
from pipeline.search.settings import Limits
from pipeline.study.records import State, StudySnapshot, TrialRecord
from pipeline.training.hyperparameters import Value, parse
from tests.search.driving import space
from tests.training.samples import noise

TEXTBOOK: dict[str, Value] = {
    "model.num_conv_layers": 2,
    "model.filters": 32,
    "model.padding": "valid",
    "model.num_dense_layers": 1,
    "model.dense_units": 128,
}
SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  model.num_conv_layers: {type: int, low: 1, high: 4}
  model.filters: {type: int, low: 1, high: 10}
"""


def test_the_cost_of_the_textbook_network_is_what_its_layer_table_adds_up_to() -> None:
    found = cost(parse("cnn", TEXTBOOK), (3, 64, 64), 10)
    assert found.parameters == 1_626_442
    assert found.multiply_adds == 3_321_216 + 15_501_312 + 1_605_632 + 1_280


@pytest.mark.parametrize(
    ("optimizer", "momentum", "copies"), [("sgd", 0.0, 2), ("sgd", 0.9, 3), ("adam", 0.9, 4), ("adamw", 0.9, 4)]
)
def test_memory_is_a_batch_of_activations_and_as_many_copies_of_the_parameters_as_the_optimizer_needs(
    optimizer: str, momentum: float, copies: int
) -> None:
    flat: dict[str, Value] = {**TEXTBOOK, "train.batch_size": 48, "train.optimizer": optimizer, "train.momentum": momentum}
    hyperparameters = parse("cnn", flat)
    expected = training_bytes(hyperparameters.layers(10), (3, 64, 64), 48, copies) / 1e6
    assert cost(hyperparameters, (3, 64, 64), 10).memory_megabytes == expected


def test_whether_a_network_is_to_be_trained_is_known_without_building_it(tmp_path: Path) -> None:
    _, recipe = noise()
    deep: dict[str, Value] = {"model.pooling": "max", "model.pool_every": 1}
    require_feasible({**deep, "model.num_conv_layers": 3}, space(tmp_path), recipe, Limits())
    with pytest.raises(DoesNotFit):
        require_feasible({**deep, "model.num_conv_layers": 4}, space(tmp_path), recipe, Limits())
    with pytest.raises(OverLimit):
        require_feasible({**deep, "model.num_conv_layers": 3}, space(tmp_path), recipe, Limits(parameters=1000))


def _trial(number: int, filters: int, latency_ms: float | None = None, state: State = "completed") -> TrialRecord:
    point: dict[str, Value] = {"model.num_conv_layers": 1, "model.filters": filters}
    costs = {} if latency_ms is None else {"latency_ms": latency_ms}
    return TrialRecord(str(number), number, state, point, 0, 0.5, "", 0.0, 1.0, (), (), costs=costs)


@pytest.mark.parametrize(
    ("limits", "numbers"),
    [
        ({}, [0, 1, 2, 3]),
        ({"parameters": 20_000}, [0, 2]),
        ({"latency_ms": 1.0}, [0]),
        ({"latency_ms": 0.5}, []),
    ],
)
def test_what_may_be_refitted_keeps_the_limits_whatever_they_were_when_it_was_searched(
    tmp_path: Path, limits: dict[str, float], numbers: list[int]
) -> None:
    _, recipe = noise(8)
    trials = (_trial(0, 1, 1.0), _trial(1, 10, 2.0), _trial(2, 2), _trial(3, 10, 9.0, "pruned"))
    study = StudySnapshot("s", 0.0, "val_accuracy", {}, {}, trials, True)
    kept = within(study, space(tmp_path, SPACE), recipe, Limits.model_validate(limits))
    assert [trial.number for trial in kept.trials] == numbers


def test_a_trial_of_which_a_killed_driver_had_not_found_that_it_does_not_fit_is_no_candidate(tmp_path: Path) -> None:
    _, recipe = noise(8)
    too_deep = replace(_trial(0, 1, state="interrupted"), hyperparameters={"model.num_conv_layers": 5, "model.padding": "valid"})
    with pytest.raises(DoesNotFit):
        require_feasible(too_deep.hyperparameters, space(tmp_path, SPACE), recipe, Limits())
    study = StudySnapshot("s", 0.0, "val_accuracy", {}, {}, (too_deep,), True)
    assert within(study, space(tmp_path, SPACE), recipe, Limits()).trials == ()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"parameters": 999}, "E217 parameters — 1,000, but search.limits.parameters is 999 — raise the limit"),
        ({"multiply_adds": 1999}, "E217 multiply adds — 2,000, but search.limits.multiply_adds is 1,999"),
        ({"memory_megabytes": 2.5}, "E217 memory megabytes — 3, but search.limits.memory_megabytes is 2"),
        ({"parameters": 1000, "multiply_adds": 2000, "memory_megabytes": 3}, ""),
        ({}, ""),
    ],
)
def test_what_exceeds_a_limit_is_refused_with_both_numbers(limits: dict[str, float], message: str) -> None:
    found = Cost(parameters=1000, multiply_adds=2000, memory_megabytes=3.0)
    if not message:
        require(found, Limits.model_validate(limits))
        return
    with pytest.raises(OverLimit) as refusal:
        require(found, Limits.model_validate(limits))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("limits", "share", "reason"),
    [
        ({}, 0.25, "max pool 4 does not fit"),
        ({"parameters": 1}, 1.0, "parameters over the limit"),
        ({"parameters": 10**9}, 0.25, "max pool 4 does not fit"),
    ],
)
def test_the_share_of_a_space_that_would_never_be_launched_is_known_with_its_main_reason(
    tmp_path: Path, limits: dict[str, int], share: float, reason: str
) -> None:
    _, recipe = noise()
    count, why = infeasible(space(tmp_path, SPACE), recipe, Limits.model_validate(limits))
    assert count / SAMPLE == pytest.approx(share, abs=0.1)
    assert why == reason
