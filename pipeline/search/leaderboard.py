"""What a search concluded, as tables: the leaderboard, the history of the best, the learning curves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.search.selection import Selection
from pipeline.study.records import StudySnapshot, TrialRecord, by_value

_STATES = ("completed", "pruned", "interrupted", "diverged", "out_of_memory", "infeasible", "failed")
_ORDER = {state: rank for rank, state in enumerate(_STATES)}

_AGAIN = ("reselection_value", "reselection_low", "reselection_high", "reselection")


def leaderboard(snapshot: StudySnapshot, selection: Selection | None = None) -> pd.DataFrame:
    """One row a trial that was launched and runs no more, or does not fit, the best first.

    `value` of a trial that was stopped, or interrupted by the end of the budget, is empty, `last_value` is where it stood: it may
    be chosen all the same. Repetitions, which were never run, are left out.

    With several objectives each has its column, and `front` says of completed trials whether none beats them in all.

    The order is that of the search. With new seeds a candidate has `reselection_value`, between `…_low` and `…_high`, and says
    whether it is `chosen`, tied with the chosen one, or behind it.
    """
    value = by_value(snapshot.direction)

    def rank(trial: TrialRecord) -> tuple[int, float, int]:
        return (_ORDER[trial.state], *value(trial))

    ended = sorted((trial for trial in snapshot.trials if trial.state in _ORDER), key=rank)
    again, front = _again(selection), snapshot.front()
    return pd.DataFrame([_row(trial, snapshot, again, front) for trial in ended])


def history(snapshot: StudySnapshot) -> pd.DataFrame:
    """trial, value, best so far: one row a completed trial, by number."""
    completed = [trial for trial in snapshot.trials if trial.state == "completed"]
    table = pd.DataFrame({"trial": [t.number for t in completed], "value": [t.value for t in completed]})
    table["best"] = table["value"].cummin() if snapshot.direction == "minimize" else table["value"].cummax()
    return table


def points(snapshot: StudySnapshot) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(trial number, value) of completed trials, and (trial number, last value) of those that were stopped or interrupted."""
    completed = [(trial.number, trial.value) for trial in snapshot.trials if trial.value is not None]
    ended = [trial for trial in snapshot.trials if trial.state in ("pruned", "interrupted")]
    stopped = [(trial.number, _last(trial, snapshot.metric)) for trial in ended]
    return completed, [(number, value) for number, value in stopped if value is not None]


def by_cost(snapshot: StudySnapshot, objective: str) -> list[tuple[int, float, float, bool]]:
    """Number, cost, value, and whether it is on the front, of each completed trial."""
    front = snapshot.front()
    completed = [(trial, trial.value) for trial in snapshot.trials if trial.value is not None]
    return [(trial.number, trial.costs[objective], value, trial.key in front) for trial, value in completed]


def curves(snapshot: StudySnapshot) -> pd.DataFrame:
    """trial, epoch and the metrics of every epoch trained."""
    rows = [
        {"trial": trial.number, "epoch": metrics.epoch, **metrics.metrics()}
        for trial in snapshot.trials
        for metrics in trial.epochs
    ]
    return pd.DataFrame(rows)


def _again(selection: Selection | None) -> dict[int, dict[str, Any]]:
    """Trial number → its columns of the reselection; empty when there was none."""
    if selection is None or selection.reselected is None:
        return {}
    first, *others = selection.reselected.ranking.candidates
    standing = {first.trial_number: "chosen"} | {one.trial_number: "tied" if one.tied else "behind" for one in others}
    return {
        one.trial_number: {
            "reselection_value": one.value,
            "reselection_low": one.low,
            "reselection_high": one.high,
            "reselection": standing[one.trial_number],
        }
        for one in (first, *others)
    }


def _row(
    trial: TrialRecord, snapshot: StudySnapshot, again: Mapping[int, Mapping[str, Any]], front: Collection[str]
) -> dict[str, Any]:
    return {
        "number": trial.number,
        "trial_key": trial.key,
        "state": trial.state,
        "value": trial.value,
        "last_value": _last(trial, snapshot.metric),
        **_objectives(trial, snapshot.objectives, front),
        **({name: again.get(trial.number, {}).get(name) for name in _AGAIN} if again else {}),
        "epochs": len(trial.epochs),
        "seconds": round(sum(metrics.seconds for metrics in trial.epochs), 3),
        **trial.hyperparameters,
        "note": trial.note,
        "reason": trial.short_reason,
    }


def _objectives(trial: TrialRecord, objectives: Sequence[str], front: Collection[str]) -> dict[str, Any]:
    """The columns of several objectives; none without them."""
    if not objectives:
        return {}
    costs = {name: trial.costs.get(name) for name in objectives}
    return {**costs, "front": trial.key in front if trial.state == "completed" else None}


def _last(trial: TrialRecord, metric: str) -> float | None:
    """The metric after the last epoch trained."""
    value: float | None = getattr(trial.epochs[-1], metric) if trial.epochs else None
    return value
