from __future__ import annotations

import pytest

from pipeline.search.stopping.rule import Curve, others, share


@pytest.mark.parametrize(
    ("epoch", "planned", "percent"), [(0, 5, 1), (1, 1000, 1), (1, 3, 33), (2, 3, 66), (10, 90, 11), (999, 1000, 99), (7, 7, 100)]
)
def test_share_is_the_percent_of_the_trials_own_plan(epoch: int, planned: int, percent: int) -> None:
    assert share(epoch, planned) == percent


def test_epoch_2_of_3_ranks_above_epoch_10_of_90() -> None:
    assert share(2, 3) > share(10, 90)


@pytest.mark.parametrize(
    ("part", "planned", "epoch"), [(0.0, 9, 1), (1 / 3, 9, 3), (1 / 9, 10, 2), (7 / 9, 18, 14), (1.0, 5, 5), (0.1, 3, 1)]
)
def test_a_part_of_the_plan_is_done_at_the_first_epoch_that_reaches_it(part: float, planned: int, epoch: int) -> None:
    assert Curve(planned, ()).epoch_at(part) == epoch


def test_others_are_those_that_came_as_far_each_at_the_same_share() -> None:
    curves = {
        "asked": Curve(9, (0.1,) * 3),
        "long": Curve(90, (0.2,) * 30),
        "short": Curve(3, (0.3,)),
        "behind": Curve(90, (0.4,) * 29),
    }
    assert [(curve.planned_epochs, epoch) for curve, epoch in others(curves, "asked")] == [(90, 30), (3, 1)]
