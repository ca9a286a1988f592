"""The first screen of a report: what won, how good it is, how far the search could be believed, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.report import scores
from pipeline.report.score_charts import Score, three_scores

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Search:
    """What the search wrote: study.json, summary.json, leaderboard.csv, curves.csv and time.csv."""

    study: Values
    summary: Values
    leaderboard: pd.DataFrame
    curves: pd.DataFrame
    times: pd.DataFrame


_OTHERS = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss")
_MOST_NAMED = 8  # hyperparameters of the winner


def answer(facts: Values, metrics: Values, search: Search, multiply_adds: int) -> dict[str, Any]:
    """The values that the page shows; facts: model.json; metrics: metrics.json."""
    named = main_names(facts, search)[:_MOST_NAMED]
    selection = facts["selection"]
    wanted = search.study["metric"].removeprefix("val_")
    return {
        "score": _score(metrics, wanted),
        "others": [_score(metrics, name) for name in _OTHERS if name != wanted],
        "calibration_error": f"{metrics['test_calibration_error']:.4f}",
        "n": f"{metrics['n']:,}",
        "confidence": f"{metrics['confidence']:.0%}",
        "winner": {
            "family": facts["family"],
            "trial": selection["chosen_trial"],
            "named": bool(selection.get("named")),
            "parameters": f"{facts['parameters']:,}",
            "multiply_adds": f"{multiply_adds:,}",
            "hyperparameters": [(name, plain(facts["hyperparameters"][name])) for name in named],
        },
        "statements": scores.statements(selection, metrics),
        "chart": three_scores(_three(selection, metrics), wanted),
        "cost": _cost(search.summary, search.times),
    }


def main_names(facts: Values, search: Search) -> list[str]:
    """The searched hyperparameters that apply to the winner, those that mattered most first."""
    shares = (search.study["importance"] or {}).get("shares", {})
    row = search.leaderboard.set_index("number").loc[facts["selection"]["chosen_trial"]]
    known = [name for name in search.study["searched"] if name in facts["hyperparameters"] and pd.notna(row[name])]
    return sorted(known, key=lambda name: (-shares.get(name, 0.0), name))


def plain(value: object) -> str:
    """A hyperparameter with no more digits than a person reads."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Seconds under two minutes, minutes under two hours, then hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _score(metrics: Values, name: str) -> dict[str, str]:
    full = f"test_{name}"
    return {
        "name": name.replace("_", " "),
        "value": f"{metrics[full]:.4f}",
        "low": f"{metrics[f'{full}_low']:.4f}",
        "high": f"{metrics[f'{full}_high']:.4f}",
    }


def _three(selection: Values, metrics: Values) -> Sequence[Score]:
    wanted, again = f"test_{selection['metric'].removeprefix('val_')}", selection["reselection"]
    found = [Score("search, on val", selection["search"]["value"])]
    if again is not None:
        found.append(Score(f"new seeds, on {again['scored_on']}", again["value"], again["low"], again["high"]))
    return [*found, Score("test, sealed", metrics[wanted], metrics[f"{wanted}_low"], metrics[f"{wanted}_high"])]


def _cost(summary: Values, times: pd.DataFrame) -> dict[str, Any]:
    by = times.set_index("what")
    trained = float(by["seconds"].drop("wall").sum())
    trials = summary["trials"]
    launched = sum(count for state, count in trials.items() if state not in ("infeasible", "repeated"))
    return {
        "trials": f"{launched:,}",
        "states": [(count, state.replace("_", " ")) for state, count in sorted(trials.items(), key=lambda item: -item[1])],
        "wall": duration(float(by["seconds"]["wall"])),
        "training": duration(trained),
        "epochs": f"{int(by['epochs']['wall']):,}",
        "again": int(by["runs"].get("trained again", 0)),
        "ended_by": summary["ended_by"],
    }
