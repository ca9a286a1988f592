from __future__ import annotations

import math

import pytest

from pipeline.search.stopping import Curve, decide
from pipeline.search.stopping.asha import Asha
from tests.search.stopping.contract import RuleContract, flat

NAN = math.nan
THIRDS = Asha(reduction=3, rungs=2)


# (what is shown, the trial asked about, the other trials, direction, is it stopped?)
TABLE = [
    ("worst of three on the first rung", flat(9, 1, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", True),
    ("best of three on the first rung", flat(9, 1, 0.95), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("second of three, only one goes on", flat(9, 1, 0.85), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", True),
    ("second of six, two go on", flat(9, 1, 0.85), [flat(9, 9, v) for v in (0.9, 0.8, 0.7, 0.6, 0.5)], "maximize", False),
    ("third of six", flat(9, 1, 0.75), [flat(9, 9, v) for v in (0.9, 0.8, 0.7, 0.6, 0.5)], "maximize", True),
    ("a low loss is good", flat(9, 1, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "minimize", False),
    ("a high loss is bad", flat(9, 1, 1.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "minimize", True),
    ("fewer than three on the rung: nobody goes on yet", flat(9, 1, 0.95), [flat(9, 9, 0.9)], "maximize", True),
    ("others have not come as far", flat(9, 3, 0.95), [flat(9, 2, 0.8), flat(9, 2, 0.9)], "maximize", True),
    ("between rungs", flat(9, 2, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("before the first rung", flat(90, 9, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("second rung", flat(9, 3, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", True),
    ("after the last rung", flat(9, 8, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("finished", flat(9, 9, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("one epoch planned", flat(1, 1, 0.1), [flat(1, 1, 0.8), flat(1, 1, 0.9)], "maximize", False),
    ("no epoch yet", flat(9, 0, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    ("equal values go on together", flat(9, 1, 0.9), [flat(9, 9, 0.9), flat(9, 9, 0.9)], "maximize", False),
    ("NaN is worst when it should be high", flat(9, 1, NAN), [flat(9, 9, 0.1), flat(9, 9, 0.2)], "maximize", True),
    ("NaN is worst when it should be low", flat(9, 1, NAN), [flat(9, 9, 8.0), flat(9, 9, 9.0)], "minimize", True),
    ("infinity is worst when it should be high", flat(9, 1, math.inf), [flat(9, 9, 0.1), flat(9, 9, 0.2)], "maximize", True),
    ("NaN of others does not hide the good", flat(9, 1, 0.5), [flat(9, 1, NAN), flat(9, 1, NAN)], "maximize", False),
    ("rungs round up: 10 planned is judged at 2", flat(10, 2, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", True),
    ("rungs round up: 10 planned is not judged at 1", flat(10, 1, 0.1), [flat(9, 9, 0.8), flat(9, 9, 0.9)], "maximize", False),
    # Both compared with what the others had at the same share, not at the same epoch.
    ("equal shares: epoch 1 of 3 against 30 of 90", flat(3, 1, 0.5), [Curve(90, (0.9,) * 29 + (0.4,))] * 2, "maximize", False),
    ("equal shares: epoch 30 of 90 against 1 of 3", flat(90, 30, 0.5), [Curve(3, (0.6, 0.1))] * 2, "maximize", True),
    ("equal shares: epoch 10 of 90 against 1 of 9", flat(90, 10, 0.5), [Curve(9, (0.6, 0.1))] * 2, "maximize", True),
    ("one epoch on both rungs counts as the further", flat(2, 1, 0.5), [Curve(90, (0.1,) * 29 + (0.9,))] * 2, "maximize", True),
]


@pytest.mark.parametrize(("asked", "others", "direction", "stopped"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_asha_decides_by_equal_shares_of_each_plan(asked: Curve, others: list[Curve], direction: str, stopped: bool) -> None:
    curves = {"asked": asked} | {f"other-{index}": curve for index, curve in enumerate(others)}
    assert decide(THIRDS, curves, "asked", direction) is stopped


def test_grace_keeps_a_trial_until_min_epochs() -> None:
    curves = {"a": flat(9, 1, 0.1), "b": flat(9, 9, 0.8), "c": flat(9, 9, 0.9)}
    assert decide(Asha(reduction=3, rungs=2, min_epochs=1), curves, "a", "maximize")
    assert not decide(Asha(reduction=3, rungs=2, min_epochs=2), curves, "a", "maximize")


# (what is shown, value and costs of each trial on the first rung, those that are stopped)
SEVERAL = [
    ("the front goes on, however much of the trials it is", {"a": (0.9, 9), "b": (0.5, 5), "c": (0.1, 1), "d": (0.1, 2)}, "d"),
    (
        "two of six fill the share, the fronts behind them end",
        {key: (value, 10 - value) for value, key in enumerate("abcdef")},
        "abcd",
    ),
    (
        "the front on which the share is filled goes on as a whole",
        {"a": (9, 1), "b": (8, 4), "c": (7, 3), "d": (6, 2), "e": (5, 5), "f": (4, 6)},
        "ef",
    ),
    ("equal in all goes on together", {"a": (0.9, 1), "b": (0.9, 1), "c": (0.9, 1)}, ""),
    ("as good and cheaper ends the dearer ones", {"a": (0.9, 1), "b": (0.9, 2), "c": (0.9, 3)}, "bc"),
    ("what is not finite is behind all, however small", {"a": (0.9, 9), "b": (0.8, 9), "c": (math.nan, 1)}, "bc"),
]


@pytest.mark.parametrize(("trials", "stopped"), [row[1:] for row in SEVERAL], ids=[row[0] for row in SEVERAL])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_with_several_objectives_the_best_fronts_go_on(
    trials: dict[str, tuple[float, float]], stopped: str, direction: str
) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    curves = {key: Curve(9, (sign * value,), (float(cost),)) for key, (value, cost) in trials.items()}
    assert "".join(key for key in curves if decide(THIRDS, curves, key, direction)) == stopped


def test_a_decision_does_not_depend_on_the_order_of_the_trials() -> None:
    curves = {str(index): flat(9, 3, index / 10) for index in range(9)}
    stopped = {key for key in curves if decide(THIRDS, curves, key, "maximize")}
    backwards = dict(reversed(curves.items()))
    assert stopped == {key for key in backwards if decide(THIRDS, backwards, key, "maximize")} == set("012345")


# (what is shown, the curves of those that wait, others, who goes on)
DUE = [
    ("nobody waits", {}, [flat(9, 9, 0.9)] * 3, None),
    ("not enough have come as far", {"a": flat(9, 1, 0.9)}, [flat(9, 9, 0.1)], None),
    ("the best of three", {"a": flat(9, 1, 0.9), "b": flat(9, 1, 0.8)}, [flat(9, 9, 0.1)], "a"),
    ("the best has gone on already", {"a": flat(9, 1, 0.8)}, [flat(9, 9, 0.9), flat(9, 9, 0.1)], None),
    ("with six the second goes on too", {"a": flat(9, 1, 0.8)}, [flat(9, 9, v) for v in (0.9, 0.4, 0.3, 0.2, 0.1)], "a"),
    ("the better of two", {"a": flat(9, 1, 0.7), "b": flat(9, 1, 0.8)}, [flat(9, 1, 0.1)] * 4, "b"),
    ("the first of equals", {"b": flat(9, 1, 0.8), "a": flat(9, 1, 0.8)}, [flat(9, 1, 0.1)] * 4, "a"),
    ("the furthest rung first", {"a": flat(9, 1, 0.9), "b": flat(9, 3, 0.6)}, [flat(9, 3, 0.1)] * 4, "b"),
    ("what diverged waits for ever", {"a": flat(9, 1, NAN)}, [flat(9, 9, 0.1)] * 9, None),
]


@pytest.mark.parametrize(("waiting", "others", "due"), [row[1:] for row in DUE], ids=[row[0] for row in DUE])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_who_waits_goes_on_once_among_the_best_of_more(
    waiting: dict[str, Curve], others: list[Curve], due: str | None, direction: str
) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    every = waiting | {f"other-{index}": curve for index, curve in enumerate(others)}
    curves = {key: Curve(curve.planned_epochs, tuple(sign * value for value in curve.values)) for key, curve in every.items()}
    assert THIRDS.goes_on(curves, waiting, direction) == due


def test_whom_it_lets_go_on_it_would_not_stop() -> None:
    curves = {str(index): flat(9, 1 if index % 2 else 3, index / 40) for index in range(40)}
    waiting = {key for key in curves if decide(THIRDS, curves, key, "maximize")}
    assert THIRDS.goes_on(curves, waiting, "maximize") is None
    assert THIRDS.goes_on(curves, list(curves), "maximize") not in {None, *waiting}


@pytest.mark.parametrize(
    ("rule", "planned", "share"),
    [
        (Asha(reduction=3, rungs=2), 9, 2 / 3 * 1 / 9 + 2 / 9 * 1 / 3 + 1 / 9),
        (Asha(), 160, 3 / 16),
        (Asha(), 4, 1 / 2 * 1 / 4 + 1 / 4 * 2 / 4 + 1 / 4),  # of four rungs three are the first epoch
        (Asha(min_epochs=2), 4, 1 / 2 * 2 / 4 + 1 / 2),
    ],
    ids=str,
)
def test_at_best_only_the_best_part_goes_on_from_each_rung(rule: Asha, planned: int, share: float) -> None:
    assert rule.least_trained(planned) == pytest.approx(share)


class TestAsha(RuleContract):
    rule = Asha()
