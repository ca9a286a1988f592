"""Patience: a trial that has stopped getting better ends, whatever the others do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.search.stopping.rule import Curve, Rule, merit


class Patience(Rule):
    """Stops after `epochs` epochs in a row of which none was better than the best before them by at least `gain`.

    Looks at one curve alone, whatever its network costs. A falling learning rate often gains most in the last epochs of a
    plan: give it time.
    """

    epochs: int = Field(default=5, ge=1)
    gain: float = Field(default=0.001, ge=0.0)  # in the units of the metric

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True if the last `epochs` epochs of trial `key` brought nothing."""
        curve = curves[key]
        merits = [merit(curve, epoch, direction) for epoch in range(1, len(curve.values) + 1)]
        if len(merits) <= self.epochs:
            return False
        return max(merits[-self.epochs :]) < max(merits[: -self.epochs]) + self.gain

    def least_trained(self, planned_epochs: int) -> float:
        """Where no epoch after the first brings anything."""
        return min(1.0, (self.epochs + 1) / planned_epochs)
