from __future__ import annotations

import math

import pytest

from pipeline.search.stopping import Curve, decide
from pipeline.search.stopping.patience import Patience
from tests.search.stopping.contract import RuleContract

# (what is shown, values, direction, is it stopped?), with a patience of 3 epochs and a gain of 0.01
TABLE = [
    ("too few epochs to know", (0.5, 0.5, 0.5), "maximize", False),
    ("three epochs of nothing", (0.5, 0.5, 0.5, 0.5), "maximize", True),
    ("three epochs of getting worse", (0.5, 0.4, 0.3, 0.2), "maximize", True),
    ("a loss that falls", (0.5, 0.4, 0.3, 0.2), "minimize", False),
    ("a loss that rises", (0.5, 0.6, 0.7, 0.8), "minimize", True),
    ("a gain in the last epoch", (0.5, 0.4, 0.3, 0.6), "maximize", False),
    ("a gain just before the last three", (0.5, 0.6, 0.6, 0.6), "maximize", False),
    ("less than the gain counts as nothing", (0.5, 0.505, 0.506, 0.509), "maximize", True),
    ("exactly the gain", (0.5, 0.5, 0.5, 0.51), "maximize", False),
    ("not finite is no gain", (0.5, math.nan, math.inf, math.nan), "maximize", True),
]


@pytest.mark.parametrize(("values", "direction", "stopped"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_epochs_in_a_row_without_a_gain_end_a_trial(values: tuple[float, ...], direction: str, stopped: bool) -> None:
    curves = {"asked": Curve(10, values)}
    assert decide(Patience(epochs=3, gain=0.01), curves, "asked", direction) is stopped


def test_at_best_nothing_comes_after_the_first_epoch() -> None:
    assert Patience(epochs=5).least_trained(12) == pytest.approx(6 / 12)
    assert Patience(epochs=5).least_trained(4) == 1


class TestPatience(RuleContract):
    rule = Patience()
