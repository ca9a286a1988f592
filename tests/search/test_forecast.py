from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.models.layers import layer_table
from pipeline.search.forecast import Pace, Work, chance_of_better, costs, duration, pace
from pipeline.search.settings import Limits
from pipeline.training.hyperparameters import parse
from tests.projects import write_processed
from tests.search.driving import space


def test_the_work_of_an_epoch_is_counted_forward_and_backward(tmp_path: Path) -> None:
    recipe = write_processed(tmp_path)  # 60 train and 24 val images
    point = parse("cnn", {"model.num_conv_layers": 1, "train.batch_size": 32})
    forward = sum(row.multiply_adds for row in layer_table(point.layers(3), recipe.shape))
    assert Work.of(point, recipe) == Work(steps=2, multiply_adds=forward * (3 * 60 + 24))


def test_the_pace_is_found_again_in_what_was_measured_with_it() -> None:
    true = Pace(step=2e-3, multiply_add=5e-10)
    works = [Work(10, 1e7), Work(40, 1e7), Work(40, 4e9), Work(160, 2e8)]
    found = pace([(work, true.seconds(work)) for work in works])
    assert (found.step, found.multiply_add) == (pytest.approx(2e-3), pytest.approx(5e-10))


@pytest.mark.parametrize(
    ("measured", "step", "multiply_add"),
    [
        ([(Work(10, 1e6), 4.0)], 0.2, 2e-6),  # one alone: half each
        ([(Work(10, 1e6), 1.0), (Work(20, 1e6), 2.0)], 0.1, 0.0),
        ([(Work(20, 1e6), 1.0), (Work(10, 3e6), 3.0)], 0.0, 1e-6),  # more steps in less time: steps cost nothing
    ],
)
def test_no_cost_is_negative(measured: list[tuple[Work, float]], step: float, multiply_add: float) -> None:
    found = pace(measured)
    assert (found.step, found.multiply_add) == (pytest.approx(step, abs=1e-12), pytest.approx(multiply_add, abs=1e-12))


def test_of_some_configurations_those_that_fit_are_counted(tmp_path: Path) -> None:
    recipe, few = write_processed(tmp_path), space(tmp_path)
    points = few.draws(20)
    known = costs(few, recipe, Limits(), points)
    assert 0 < len(known) < 20  # not all of up to 8 layers fit 8×8 pixels
    assert len(costs(few, recipe, Limits(parameters=1), points)) == 0
    assert {epochs for epochs, _ in known} <= set(range(1, 10))


@pytest.mark.parametrize(("ended", "coming"), [(20, 20), (40, 10)])
def test_in_random_order_the_chance_of_a_better_one_is_met(ended: int, coming: int) -> None:
    rng, said, met = random.Random(0), 0.0, 0
    for _ in range(1000):
        values = [rng.random() for _ in range(ended + coming)]
        records = sum(value == max(values[: index + 1]) for index, value in enumerate(values[:ended]))
        said += chance_of_better(records, ended, coming) / 1000
        met += max(values[ended:]) > max(values[:ended])
    assert said == pytest.approx(coming / (ended + coming), abs=0.02)
    assert said == pytest.approx(met / 1000, abs=0.04)


def test_many_records_and_many_trials_to_come_raise_the_chance() -> None:
    assert chance_of_better(8, 20, 20) > chance_of_better(3, 20, 20) > chance_of_better(3, 20, 5) > 0
    assert chance_of_better(3, 20, 0) == 0


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (150, "2 min"), (5399, "90 min"), (9000, "2.5 h")])
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
