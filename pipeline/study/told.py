"""What Optuna, and with it the sampler, hears of a trial that has ended; it follows from the outcome that was committed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.study.attributes import COSTS, OUTCOME
from pipeline.study.records import State

# PRUNED with a violated constraint: TPE leaves the region (it ignores FAIL).
_CONSTRAINED = ("diverged", "out_of_memory", "infeasible")


def again(earlier: FrozenTrial) -> dict[str, Any]:
    """Of a repetition, what was told of the earlier trial: FAIL while that runs, which every sampler ignores."""
    outcome: dict[str, Any] = earlier.user_attrs.get(OUTCOME, {"state": "failed"})
    return outcome


def tell(study: optuna.Study, trial: FrozenTrial, objectives: Sequence[str] = ()) -> None:
    """End the trial in Optuna's eyes: COMPLETE, FAIL or PRUNED. What a killed driver had begun to tell is told to its end.

    objectives: the costs of which a completed trial's are told beside its value.
    """
    if trial.state == TrialState.WAITING:
        study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    outcome = trial.user_attrs[OUTCOME]
    outcome = outcome.get("told", outcome)
    state: State = outcome["state"]
    if state == "completed":
        costs = trial.user_attrs.get(COSTS, {})
        study.tell(trial.number, [outcome["value"], *(costs[name] for name in objectives)])
    elif state == "failed":
        study.tell(trial.number, state=TrialState.FAIL)
    else:
        _report(study, trial, outcome)
        study.tell(trial.number, state=TrialState.PRUNED)


def _report(study: optuna.Study, trial: FrozenTrial, outcome: dict[str, Any]) -> None:
    if outcome["last"] is not None and math.isfinite(outcome["last"]) and not trial.intermediate_values:
        study._storage.set_trial_intermediate_value(trial._trial_id, outcome["share"], outcome["last"])
    if outcome["state"] in _CONSTRAINED and not trial.constraints:
        optuna.Trial(study, trial._trial_id).set_constraint(outcome["state"], 1.0)
