"""What a report shows of the search: its history, what mattered, where time went, what was stopped and what that may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report import hyperparameter_charts, search_charts
from pipeline.report.answer import Search, duration, main_names, plain

Values = Mapping[str, Any]

_SLICES = 8
_AXES = 8  # of the parallel coordinates, beside the metric
_TRIALS_A_HYPERPARAMETER = 10  # fewer are called thin
_BELIEVED = 0.3  # of the variance explained; less is called thin
_LISTED = 10  # trials


def searched(search: Search, facts: Values, refit: Sequence[float]) -> dict[str, Any]:
    """Values and charts; facts: model.json; refit: its train loss after each epoch."""
    study, table, chosen = search.study, search.leaderboard, facts["selection"]["chosen_trial"]
    names = main_names(facts, search)
    importance = study["importance"]
    return {
        "facts": {name: text for name, text in study["facts"].items() if text},
        "history": search_charts.history(table, study, chosen) if len(search_charts.completed(table)) else "",
        "reached": search_charts.reached(table, study, chosen),
        "curves": search_charts.metric_curves(search.curves, table, study["metric"], chosen),
        "losses": search_charts.losses(search.curves, refit, chosen),
        "importance": hyperparameter_charts.importance(importance["shares"]) if importance else "",
        "thin": doubts(importance) if importance else [],
        "conditional": importance["conditional"] if importance else [],
        "judged_trials": importance["trials"] if importance else 0,
        "explained": f"{importance['explained']:.0%}" if importance else "",
        "slices": hyperparameter_charts.slices(table, study, names[:_SLICES], chosen),
        "parallel": hyperparameter_charts.parallel_coordinates(table, study, names[:_AXES], chosen) if names else "",
        "trials": [_trial(row, names[:4], chosen) for row in table.head(_LISTED).to_dict("records")],
        "columns": [name.partition(".")[2] or name for name in names[:4]],
        "more": max(0, len(table) - _LISTED),
        "times": _times(search.times),
        "stopping": search.summary["stopping"],
        "hyperparameters": [(name, plain(value), name in names) for name, value in facts["hyperparameters"].items()],
    }


def doubts(importance: Values) -> list[str]:
    """Why the bars should not be believed much; nothing when they may be."""
    found, count = [], len(importance["shares"])
    if importance["trials"] < _TRIALS_A_HYPERPARAMETER * count:
        found.append(
            f"There are {importance['trials']} trials for {count} hyperparameters, fewer than {_TRIALS_A_HYPERPARAMETER} for each"
        )
    if importance["explained"] < _BELIEVED:
        found.append(f"the model behind it explains {importance['explained']:.0%} of the variance of trials it has not seen")
    return found


def _trial(row: Mapping[Any, Any], names: Sequence[str], chosen: int) -> dict[str, Any]:
    value = row["value"] if pd.notna(row["value"]) else row["last_value"]
    return {
        "number": row["number"],
        "state": "stopped" if row["state"] == "pruned" else str(row["state"]).replace("_", " "),
        "value": f"{value:.4f}" if pd.notna(value) else "",
        "again": f"{row['reselection_value']:.4f}" if pd.notna(row.get("reselection_value")) else "",
        "epochs": row["epochs"],
        "time": f"{row['seconds']:.1f} s",
        "hyperparameters": [plain(row[name]) if pd.notna(row[name]) else "" for name in names],
        "chosen": row["number"] == chosen,
    }


_CALLED = {
    "completed": "trained to the end",
    "pruned": "stopped early",
    "infeasible": "not launched: does not fit",
    "repeated": "not launched: tried before",
    "trained again": "the best, trained again from new seeds",
}


def _times(times: pd.DataFrame) -> dict[str, Any]:
    rows = times[times["what"] != "wall"].to_dict("records")
    wall = float(times["seconds"][times["what"] == "wall"].sum())
    total = sum(float(row["seconds"]) for row in rows)
    return {
        "rows": [
            {
                "what": _CALLED.get(row["what"], str(row["what"]).replace("_", " ")),
                "runs": f"{row['runs']:,}",
                "epochs": f"{row['epochs']:,}",
                "time": duration(row["seconds"]),
                "share": round(100 * row["seconds"] / total, 1) if total else 0.0,
            }
            for row in rows
        ],
        "total": duration(total),
        "wall": duration(wall),
        "at_once": f"{total / wall:.1f}" if wall else "",
    }
