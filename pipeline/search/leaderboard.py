"""What a search concluded, as tables: the leaderboard, the history of the best, the learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.search.selection import Selection
from pipeline.study.records import StudySnapshot, TrialRecord

_ORDER = {state: rank for rank, state in enumerate(("completed", "pruned", "diverged", "out_of_memory", "infeasible", "failed"))}

_AGAIN = ("reselection_value", "reselection_low", "reselection_high", "reselection")


def leaderboard(snapshot: StudySnapshot, selection: Selection | None = None) -> pd.DataFrame:
    """One row a trial that was launched and has ended, or does not fit, the best first.

    `value` of a trial that was stopped is empty, `last_value` is where it stood. Repetitions, which were never run, are left out.

    The order is that of the search. With new seeds a candidate has `reselection_value`, between `…_low` and `…_high`, and says
    whether it is `chosen`, tied with the chosen one, or behind it.
    """
    sign = 1.0 if snapshot.direction == "minimize" else -1.0

    def rank(trial: TrialRecord) -> tuple[int, float, int]:
        return (_ORDER[trial.state], sign * (trial.value or 0.0), trial.number)

    ended = sorted((trial for trial in snapshot.trials if trial.state in _ORDER), key=rank)
    again = _again(selection)
    return pd.DataFrame([_row(trial, snapshot.metric, again) for trial in ended])


def history(snapshot: StudySnapshot) -> pd.DataFrame:
    """trial, value, best so far: one row a completed trial, by number."""
    completed = [trial for trial in snapshot.trials if trial.state == "completed"]
    table = pd.DataFrame({"trial": [t.number for t in completed], "value": [t.value for t in completed]})
    table["best"] = table["value"].cummin() if snapshot.direction == "minimize" else table["value"].cummax()
    return table


def points(snapshot: StudySnapshot) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(trial number, value) of completed trials, and (trial number, last value) of those stopped early."""
    completed = [(trial.number, trial.value) for trial in snapshot.trials if trial.value is not None]
    stopped = [(trial.number, _last(trial, snapshot.metric)) for trial in snapshot.trials if trial.state == "pruned"]
    return completed, [(number, value) for number, value in stopped if value is not None]


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


def _row(trial: TrialRecord, metric: str, again: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "number": trial.number,
        "trial_key": trial.key,
        "state": trial.state,
        "value": trial.value,
        "last_value": _last(trial, metric),
        **({name: again.get(trial.number, {}).get(name) for name in _AGAIN} if again else {}),
        "epochs": len(trial.epochs),
        "seconds": round(sum(metrics.seconds for metrics in trial.epochs), 3),
        **trial.hyperparameters,
        "note": trial.note,
        "reason": trial.reason.strip().splitlines()[-1] if trial.reason.strip() else "",
    }


def _last(trial: TrialRecord, metric: str) -> float | None:
    """The metric after the last epoch trained."""
    value: float | None = getattr(trial.epochs[-1], metric) if trial.epochs else None
    return value
