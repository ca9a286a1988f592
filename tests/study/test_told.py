"""What a plain Optuna client sees of a trial that Convoy has ended."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import told
from pipeline.study.attributes import COSTS, OUTCOME

OUTCOMES: list[tuple[dict[str, Any], str, float | None, dict[int, float], dict[str, float]]] = [
    ({"state": "completed", "value": 0.5, "share": 100, "last": 0.5}, "COMPLETE", 0.5, {}, {}),
    ({"state": "pruned", "share": 25, "last": 0.4}, "PRUNED", 0.4, {25: 0.4}, {}),
    ({"state": "diverged", "share": 50, "last": 0.3}, "PRUNED", 0.3, {50: 0.3}, {"diverged": 1.0}),
    ({"state": "diverged", "share": 50, "last": float("nan")}, "PRUNED", None, {}, {"diverged": 1.0}),
    ({"state": "out_of_memory", "share": 1, "last": None}, "PRUNED", None, {}, {"out_of_memory": 1.0}),
    ({"state": "infeasible", "share": 1, "last": None}, "PRUNED", None, {}, {"infeasible": 1.0}),
    ({"state": "failed", "share": 1, "last": None}, "FAIL", None, {}, {}),
    ({"state": "repeated", "told": {"state": "completed", "value": 0.5}}, "COMPLETE", 0.5, {}, {}),
    ({"state": "repeated", "told": {"state": "diverged", "share": 50, "last": 0.3}}, "PRUNED", 0.3, {50: 0.3}, {"diverged": 1.0}),
]


def begun(study: optuna.Study, outcome: dict[str, Any]) -> FrozenTrial:
    """A trial whose outcome is committed and of which Optuna has heard nothing."""
    study.ask().set_user_attr(OUTCOME, outcome)
    return study.get_trials()[-1]


@pytest.mark.parametrize(("outcome", "state", "value", "reported", "constraints"), OUTCOMES)
def test_an_outcome_is_told_complete_pruned_or_fail(
    outcome: dict[str, Any], state: str, value: float | None, reported: dict[int, float], constraints: dict[str, float]
) -> None:
    study = optuna.create_study(direction="maximize")
    told.tell(study, begun(study, outcome))
    (seen,) = study.get_trials()
    assert (seen.state.name, seen.value, seen.intermediate_values, seen.constraints) == (state, value, reported, constraints)


@pytest.mark.parametrize(("outcome", "state", "value", "reported", "constraints"), OUTCOMES)
def test_with_several_objectives_only_what_completed_has_values(
    outcome: dict[str, Any], state: str, value: float | None, reported: dict[int, float], constraints: dict[str, float]
) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    trial = begun(study, outcome)
    study._storage.set_trial_user_attr(trial._trial_id, COSTS, {"latency_ms": 1.5, "parameters": 900.0})
    told.tell(study, study.get_trials()[-1], ["parameters"])
    (seen,) = study.get_trials()
    assert (seen.state.name, seen.intermediate_values, seen.constraints) == (state, reported, constraints)
    assert seen.values == ([value, 900.0] if state == "COMPLETE" else None)


def test_what_was_put_aside_and_what_was_half_told_is_told_to_its_end() -> None:
    study = optuna.create_study(direction="maximize")
    trial = begun(study, {"state": "diverged", "share": 50, "last": 0.3})
    optuna.Trial(study, trial._trial_id).report(0.3, 50)
    optuna.Trial(study, trial._trial_id).set_constraint("diverged", 1.0)
    study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
    told.tell(study, study.get_trials()[0])
    assert study.get_trials()[0].state.name == "PRUNED"


def test_of_a_repetition_it_hears_what_it_heard_of_the_earlier_trial_and_fail_while_that_runs() -> None:
    study = optuna.create_study(direction="maximize")
    outcome = {"state": "pruned", "share": 25, "last": 0.4}
    assert told.again(begun(study, outcome)) == outcome
    study.ask()
    assert told.again(study.get_trials()[-1]) == {"state": "failed"}
