"""What the database keeps of a trial for Convoy: attributes of Optuna's trial, which are read here as a TrialRecord."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import tables
from pipeline.study.records import State, TrialRecord

PLAN = "convoy"  # key, seed, hyperparameters, start; written before the trial trains
COSTS = "costs"  # what is known of its network, by the names of objectives
PAUSE = "pause"  # epochs trained, share of the plan and metric there when it was last told to wait; the sampler goes by it
NOTE = "note"  # what is to be known of its training
OUTCOME = "outcome"  # state, reason, value, end, and what Optuna hears of it; written before it does
GIVEN = "fixed_params"  # system attribute in which Optuna keeps what a trial was told to try


def by_key(trials: Sequence[FrozenTrial]) -> dict[str, FrozenTrial]:
    """Trial key → trial, of those that were planned here."""
    return {trial.user_attrs[PLAN]["trial_key"]: trial for trial in trials if PLAN in trial.user_attrs}


def record(trial: FrozenTrial, curve: Sequence[sa.RowMapping]) -> TrialRecord:
    """A trial with the rows of its epochs."""
    plan, outcome = trial.user_attrs[PLAN], trial.user_attrs.get(OUTCOME, {})
    return TrialRecord(
        key=plan["trial_key"],
        number=trial.number,
        state=outcome.get("state", _unfinished(trial, len(curve))),
        hyperparameters=plan["hyperparameters"],
        seed=plan["seed"],
        value=outcome.get("value"),
        reason=outcome.get("reason", ""),
        started_at=plan["started_at"],
        ended_at=outcome.get("ended_at"),
        epochs=tuple(tables.metrics(row) for row in curve),
        committed_at=tuple(row["committed_at"] for row in curve),
        note=trial.user_attrs.get(NOTE, ""),
        audited=plan.get("audited", False),
        stops=tuple(row["stop"] for row in curve),
        costs=trial.user_attrs.get(COSTS, {}),
    )


def _unfinished(trial: FrozenTrial, epochs: int) -> State:
    """The state of a trial without an outcome: put aside by the stopping rule, by the end of a driver, or not at all."""
    if trial.state != TrialState.WAITING:
        return "running"
    return "paused" if trial.user_attrs.get(PAUSE, {}).get("epochs") == epochs else "interrupted"
