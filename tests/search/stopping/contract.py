"""What holds for every stopping rule; the test class of each inherits it and says which rule it is about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.search.stopping import Curve, Rule, decide

MIRROR = {"maximize": "minimize", "minimize": "maximize"}


def flat(planned_epochs: int, epochs: int, value: float) -> Curve:
    """A trial that measures the same after each epoch."""
    return Curve(planned_epochs, (value,) * epochs)


def rising(planned_epochs: int, epochs: int, height: float) -> Curve:
    """A trial that comes nearer to `height` with each share of its plan."""
    return Curve(planned_epochs, tuple(height * (1 - 0.5 ** (9 * epoch / planned_epochs)) for epoch in range(1, epochs + 1)))


def some_study() -> dict[str, Curve]:
    """Finished, running, diverged and long trials."""
    curves = {f"finished-{index}": rising(9, 9, 0.5 + index / 20) for index in range(8)}
    curves |= {f"running-{index}": rising(18, 3 + index, 0.3 + index / 10) for index in range(7)}
    return curves | {"diverged": Curve(9, (0.5, math.nan)), "waiting": Curve(9, ())}


def all_decisions(rule: Rule, curves: Mapping[str, Curve], direction: str) -> dict[str, list[bool]]:
    """What the rule says after each epoch that each trial trained, all others being as they are."""
    return {
        key: [
            decide(rule, {**curves, key: replace(curve, values=curve.values[:epoch])}, key, direction)
            for epoch in range(len(curve.values) + 1)
        ]
        for key, curve in curves.items()
    }


class RuleContract:
    """Inherited by the tests of each rule."""

    rule: Rule

    def test_a_fulfilled_plan_is_never_stopped_nor_a_trial_without_an_epoch(self) -> None:
        curves = some_study() | {"worst": flat(9, 9, 0.0)}
        decisions = all_decisions(self.rule, curves, "maximize")
        assert not any(said[0] for said in decisions.values())
        assert not any(said[-1] for key, said in decisions.items() if len(curves[key].values) == curves[key].planned_epochs)

    def test_what_it_leaves_of_the_training_is_a_share_and_all_of_a_plan_of_one_epoch(self) -> None:
        assert all(0 < self.rule.least_trained(planned) <= 1 for planned in range(1, 100))
        assert self.rule.least_trained(1) == 1

    def test_the_order_of_the_trials_means_nothing(self) -> None:
        curves = some_study()
        backwards = dict(reversed(curves.items()))
        assert all_decisions(self.rule, curves, "maximize") == all_decisions(self.rule, backwards, "maximize")

    @pytest.mark.parametrize("direction", ["maximize", "minimize"])
    def test_less_of_a_loss_is_judged_as_more_of_a_gain(self, direction: str) -> None:
        curves = some_study()
        mirrored = {key: Curve(curve.planned_epochs, tuple(-value for value in curve.values)) for key, curve in curves.items()}
        assert all_decisions(self.rule, curves, direction) == all_decisions(self.rule, mirrored, MIRROR[direction])

    def test_the_best_of_all_at_every_epoch_is_never_stopped(self) -> None:
        curves = some_study() | {"best": Curve(9, tuple(1.0 + epoch / 10 for epoch in range(9)))}
        assert not any(all_decisions(self.rule, curves, "maximize")["best"])

    @pytest.mark.parametrize("direction", ["maximize", "minimize"])
    def test_costs_that_are_all_the_same_change_nothing(self, direction: str) -> None:
        curves = some_study()
        costly = {key: replace(curve, costs=(7.0, 0.5)) for key, curve in curves.items()}
        assert all_decisions(self.rule, costly, direction) == all_decisions(self.rule, curves, direction)

    def test_with_several_objectives_the_smallest_network_is_not_stopped_for_what_larger_ones_reach(self) -> None:
        curves = {key: replace(curve, costs=(9.0, 1.0)) for key, curve in some_study().items()}
        curves["smallest"] = replace(rising(9, 8, 0.01), costs=(8.0, 1.0))
        assert not any(all_decisions(self.rule, curves, "maximize")["smallest"])

    def test_a_rule_only_reads(self) -> None:
        curves = some_study()
        all_decisions(self.rule, curves, "maximize")
        assert str(curves) == str(some_study())
