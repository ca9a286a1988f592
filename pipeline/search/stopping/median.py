"""The median rule: who is worse than half of the others were at the same share of their plans, ends."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from pydantic import Field

from pipeline.search.stopping.rule import Curve, Rule, merit, others


class Median(Rule):
    """The median stopping rule of Google Vizier (Golovin et al. 2017), asked after every epoch.

    A trial ends if its best value so far is below the median of the values that at least `min_trials` others had at the same
    share of their own plans. Nothing stops before `first_share` of its plan is trained. With several objectives the others are
    those that cost no more in anything: none of them beats a trial on the front.
    """

    min_trials: int = Field(default=5, ge=1)
    first_share: float = Field(default=0.1, ge=0.0, lt=1.0)

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True if trial `key` never was as good as half of the others are at its share."""
        curve = curves[key]
        if len(curve.values) < curve.epoch_at(self.first_share):
            return False
        merits = [merit(other, epoch, direction) for other, epoch in others(curves, key) if other.costs_no_more(curve)]
        best = max(merit(curve, epoch, direction) for epoch in range(1, len(curve.values) + 1))
        return len(merits) >= self.min_trials and best < statistics.median(merits)

    def least_trained(self, planned_epochs: int) -> float:
        """Where half of the trials stop at the first look, and the others never fall behind."""
        return (Curve(planned_epochs, ()).epoch_at(self.first_share) / planned_epochs + 1) / 2
