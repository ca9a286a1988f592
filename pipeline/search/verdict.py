"""How a trial ends: by its numbers, by its plan, or by the rule that stops it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.search.stopping import Curve
from pipeline.study.records import Outcome, TrialRecord
from pipeline.training.metrics import METRICS, EpochMetrics


def verdict(trial: TrialRecord, metric: str, stopped_by: str = "") -> Outcome | None:
    """After its latest epoch; None while it goes on. `stopped_by` names the rule that stops it, if one does."""
    if not trial.epochs:
        return None
    latest, trained = trial.epochs[-1], len(trial.epochs)
    if broken := not_finite(latest):
        return Outcome("diverged", reason=f"{broken} is not finite after epoch {trained}")
    if trained >= trial.planned_epochs:
        return Outcome("completed", value=measured(latest, metric))
    if stopped_by:
        return Outcome("pruned", reason=f"stopped by {stopped_by} after {trained} of {trial.planned_epochs} epochs")
    return None


def curve(trial: TrialRecord, metric: str, objectives: Sequence[str]) -> Curve:
    """A trial as stopping rules see it."""
    values = tuple(measured(metrics, metric) for metrics in trial.epochs)
    costs = tuple(trial.costs[name] for name in objectives) if values else ()  # known before the first epoch ends
    return Curve(trial.planned_epochs, values, costs)


def measured(metrics: EpochMetrics, name: str) -> float:
    """The metric of this name; NaN where the database, which does not keep NaN, gives None back."""
    value: float | None = getattr(metrics, name)
    return math.nan if value is None else value


def not_finite(metrics: EpochMetrics) -> str:
    """The first metric that is NaN or infinite; empty when there is none."""
    return next((name for name in METRICS if not math.isfinite(measured(metrics, name))), "")
