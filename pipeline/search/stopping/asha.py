"""Successive halving: on a few rungs, only the best part of all that came as far goes on, and the others wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from pydantic import Field

from pipeline.search.stopping.rule import Curve, Rule, merit
from pipeline.study import fronts


class Asha(Rule):
    """Asynchronous successive halving (Li et al. 2018, arXiv 1810.05934) over shares of each trial's own plan.

    A trial is judged when it has trained exactly 1/reduction^rungs, …, 1/reduction of its planned epochs (rounded up) and
    goes on if its value there is among the best 1/reduction, rounded down, of all that came as far; if not, it waits until it is
    among the best of more. Equal values go on together; a value that is not finite is the worst. Nothing waits before
    `min_epochs` epochs.

    With several objectives the best are told by fronts of the value on the rung and the costs, as in MO-ASHA (Schmucker et al.
    2021, arXiv 2106.12639). A front goes on as a whole, as equal values do, so nothing on the first one waits where `reduction`
    trials have come as far.
    """

    pauses: ClassVar[bool] = True

    reduction: int = Field(default=2, ge=2)
    rungs: int = Field(default=4, ge=1)
    min_epochs: int = Field(default=1, ge=1)

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True if trial `key` stands on a rung and is not among the best there."""
        divisor = self._rung(curves[key])
        return divisor is not None and key not in self._best(curves, divisor, direction)

    def goes_on(self, curves: Mapping[str, Curve], waiting: Collection[str], direction: str) -> str | None:
        """Of those among the best on the furthest rung where there are any, the best; the first by key of equals."""
        standing: dict[int, list[str]] = {}
        for key in waiting:
            if (divisor := self._rung(curves[key])) is not None:
                standing.setdefault(divisor, []).append(key)
        for divisor, keys in sorted(standing.items()):
            ahead = self._best(curves, divisor, direction)
            if found := sorted((key for key in keys if key in ahead), key=lambda key: (ahead[key], key)):
                return found[0]
        return None

    def least_trained(self, planned_epochs: int) -> float:
        """Where on every rung no more than the best part goes on."""
        curve = Curve(planned_epochs, ())
        rungs = {_rung_epoch(curve, self.reduction**level) for level in range(1, self.rungs + 1)}
        trained, left = 0.0, 1.0
        for epoch in sorted(epoch for epoch in rungs if self.min_epochs <= epoch < planned_epochs):
            trained += left * (1 - 1 / self.reduction) * epoch
            left /= self.reduction
        return trained / planned_epochs + left

    def _best(self, curves: Mapping[str, Curve], divisor: int, direction: str) -> dict[str, int]:
        """The trials that a rung lets go on, and how many are ahead of each."""
        reached = {key: curve for key, curve in curves.items() if len(curve.values) >= _rung_epoch(curve, divisor)}
        losses = [(-merit(curve, _rung_epoch(curve, divisor), direction), *curve.costs) for curve in reached.values()]
        many = len(reached) // self.reduction
        return {key: ahead for key, ahead in zip(reached, fronts.ahead(losses), strict=True) if ahead < many}

    def _rung(self, curve: Curve) -> int | None:
        """The plan's divisor at the trial's last epoch: the furthest rung where several fall together, None between rungs."""
        epoch = len(curve.values)
        if epoch < self.min_epochs:
            return None
        divisors = (self.reduction**level for level in range(1, self.rungs + 1))
        return next((divisor for divisor in divisors if _rung_epoch(curve, divisor) == epoch), None)


def _rung_epoch(curve: Curve, divisor: int) -> int:
    return -(-curve.planned_epochs // divisor)
