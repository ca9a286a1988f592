"""Successive halving: on a few rungs, only the best part of all that came as far goes on."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.search.stopping.rule import Curve, Rule, merit
from pipeline.study import fronts


class Asha(Rule):
    """Asynchronous successive halving (Li et al. 2018, arXiv 1810.05934) over shares of each trial's own plan.

    A trial is judged when it has trained exactly 1/reduction^rungs, …, 1/reduction of its planned epochs (rounded up) and
    goes on if its value there is among the best 1/reduction of all that came as far, at least one, or if fewer than `min_trials`
    did. Equal values go on together; a value that is not finite is the worst. Nothing stops before `min_epochs` epochs.

    With several objectives the best are told by fronts of the value on the rung and the costs, as in MO-ASHA (Schmucker et al.
    2021, arXiv 2106.12639). A front goes on as a whole, as equal values do, so nothing on the first one is ever stopped.
    """

    reduction: int = Field(default=3, ge=2)
    rungs: int = Field(default=2, ge=1)
    min_epochs: int = Field(default=1, ge=1)
    min_trials: int = Field(default=3, ge=2)

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True if trial `key` stands on a rung and is not among the best there."""
        divisor = self._rung(curves[key])
        if divisor is None:
            return False
        reached = {name: curve for name, curve in curves.items() if len(curve.values) >= _rung_epoch(curve, divisor)}
        if len(reached) < self.min_trials:
            return False
        losses = [(-merit(curve, _rung_epoch(curve, divisor), direction), *curve.costs) for curve in reached.values()]
        return fronts.ahead(losses, list(reached).index(key)) >= max(1, len(reached) // self.reduction)

    def _rung(self, curve: Curve) -> int | None:
        """The plan's divisor at the trial's last epoch: the furthest rung where several fall together, None between rungs."""
        epoch = len(curve.values)
        if epoch < self.min_epochs:
            return None
        divisors = (self.reduction**level for level in range(1, self.rungs + 1))
        return next((divisor for divisor in divisors if _rung_epoch(curve, divisor) == epoch), None)


def _rung_epoch(curve: Curve, divisor: int) -> int:
    return -(-curve.planned_epochs // divisor)
