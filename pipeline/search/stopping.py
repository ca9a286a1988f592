"""Which trials to stop early: pure functions of the study's curves, so that a restart decides the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pipeline.config import did_you_mean
from pipeline.errors import UnknownName


@dataclass(frozen=True)
class Curve:
    """A trial so far: the epochs it set out to train (≥ 1) and the study's metric after each epoch trained."""

    planned_epochs: int
    values: tuple[float, ...]


class StoppingRule(Protocol):
    """Answers for one trial of a study, given all its curves by trial key, whether it should end now."""

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True to stop trial `key`; `direction` is "maximize" or "minimize"."""
        ...


@dataclass(frozen=True)
class NoStopping:
    """Every trial trains all its planned epochs."""

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """Always False."""
        return False


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving (Li et al. 2018, arXiv 1810.05934) over shares of each trial's own plan.

    A trial is judged when it has trained exactly 1/reduction^rungs, …, 1/reduction of its planned epochs (rounded up) and
    goes on if its value there is among the best 1/reduction of all that came as far, or fewer than `reduction` did.
    Equal values go on together; a value that is not finite is the worst. Nothing stops before `min_epochs` epochs.
    """

    reduction: int = 3
    rungs: int = 2
    min_epochs: int = 1

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True if trial `key` stands on a rung and is not among the best there."""
        divisor = self._rung(curves[key])
        if divisor is None:
            return False
        reached = (curve for curve in curves.values() if len(curve.values) >= _rung_epoch(curve, divisor))
        merits = sorted((_merit(curve, divisor, direction) for curve in reached), reverse=True)
        kept = len(merits) // self.reduction
        return kept > 0 and _merit(curves[key], divisor, direction) < merits[kept - 1]

    def _rung(self, curve: Curve) -> int | None:
        """The plan's divisor at the trial's last epoch: the furthest rung where several fall together, None between rungs."""
        epoch = len(curve.values)
        if epoch < self.min_epochs:
            return None
        divisors = (self.reduction**level for level in range(1, self.rungs + 1))
        return next((divisor for divisor in divisors if _rung_epoch(curve, divisor) == epoch), None)


RULES: dict[str, StoppingRule] = {"asha": Asha(), "none": NoStopping()}


def stopping(name: str) -> StoppingRule:
    """The rule called `name`; raises UnknownName with the names there are."""
    if name not in RULES:
        raise UnknownName("stopping rule", why=f"{name!r} does not exist", remedy=did_you_mean(name, RULES))
    return RULES[name]


def decide(rule: StoppingRule, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
    """True if `rule` ends trial `key` after its last epoch; a trial that trained its whole plan is finished, never stopped."""
    curve = curves[key]
    return 0 < len(curve.values) < curve.planned_epochs and rule.stops(curves, key, direction)


def share(epoch: int, planned_epochs: int) -> int:
    """Percent of its own plan that a trial trained, 1 to 100: the step told to Optuna, comparable between plans."""
    return max(1, 100 * epoch // planned_epochs)


def _rung_epoch(curve: Curve, divisor: int) -> int:
    return -(-curve.planned_epochs // divisor)


def _merit(curve: Curve, divisor: int, direction: str) -> float:
    value = curve.values[_rung_epoch(curve, divisor) - 1]
    if not math.isfinite(value):
        return -math.inf
    return value if direction == "maximize" else -value
