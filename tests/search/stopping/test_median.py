from __future__ import annotations

import math

import pytest

from pipeline.search.stopping import Curve, decide
from pipeline.search.stopping.median import Median
from tests.search.stopping.contract import RuleContract, flat

FIVE = [flat(10, 10, value) for value in (0.1, 0.2, 0.3, 0.4, 0.5)]

# (what is shown, the trial asked about, the other trials, direction, is it stopped?)
TABLE = [
    ("below the median", flat(10, 3, 0.25), FIVE, "maximize", True),
    ("at the median", flat(10, 3, 0.3), FIVE, "maximize", False),
    ("above the median", flat(10, 3, 0.35), FIVE, "maximize", False),
    ("a loss above the median", flat(10, 3, 0.35), FIVE, "minimize", True),
    ("a loss below the median", flat(10, 3, 0.25), FIVE, "minimize", False),
    ("once as good as the median", Curve(10, (0.1, 0.35, 0.1)), FIVE, "maximize", False),
    ("four others are too few", flat(10, 3, 0.0), FIVE[1:], "maximize", False),
    ("others that came less far do not count", flat(10, 3, 0.0), [*FIVE[1:], flat(10, 2, 0.5)], "maximize", False),
    ("unfinished others that came as far do", flat(10, 3, 0.0), [*FIVE[1:], flat(10, 3, 0.5)], "maximize", True),
    ("before the first share", flat(100, 9, 0.0), FIVE, "maximize", False),
    ("at the first share", flat(100, 10, 0.0), FIVE, "maximize", True),
    ("compared at equal shares", flat(30, 9, 0.25), [Curve(10, (1.0, 1.0, 0.2))] * 5, "maximize", False),
    ("NaN is below any median", flat(10, 3, math.nan), FIVE, "maximize", True),
]


@pytest.mark.parametrize(("asked", "rest", "direction", "stopped"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_who_never_was_as_good_as_half_of_the_others_ends(asked: Curve, rest: list[Curve], direction: str, stopped: bool) -> None:
    curves = {"asked": asked} | {f"other-{index}": curve for index, curve in enumerate(rest)}
    assert decide(Median(), curves, "asked", direction) is stopped


def test_with_several_objectives_who_costs_more_in_anything_does_not_count() -> None:
    rest = {str(index): Curve(10, (0.5,) * 10, (5.0, float(index))) for index in range(6)}
    asked = {"of 5 that cost no more": (5.0, 4.0), "of 4": (5.0, 3.5), "of 6 at more of the other": (4.9, 9.0)}
    stopped = {
        why: decide(Median(), {**rest, "a": Curve(10, (0.1,) * 3, costs)}, "a", "maximize") for why, costs in asked.items()
    }
    assert stopped == {"of 5 that cost no more": True, "of 4": False, "of 6 at more of the other": False}


def test_at_best_half_of_the_trials_stop_when_first_they_may() -> None:
    assert Median(first_share=0.25).least_trained(8) == pytest.approx((1 / 4 + 1) / 2)


class TestMedian(RuleContract):
    rule = Median()
