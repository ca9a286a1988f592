"""No early stopping."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.search.stopping.rule import Curve, Rule


class NoStopping(Rule):
    """Every trial trains all its planned epochs."""

    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """Always False."""
        return False

    def least_trained(self, planned_epochs: int) -> float:
        """All."""
        return 1.0
