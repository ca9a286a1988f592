"""How a search went, as charts of a page: trial by trial and epoch by epoch, from the tables that the search wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pipeline.report import svg
from pipeline.report.svg import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 200


def history(leaderboard: pd.DataFrame, study: Mapping[str, Any], chosen: int) -> Markup:
    """Completed trials by number, stopped ones where they stood, the best so far, and the chosen one."""
    from matplotlib.ticker import MaxNLocator

    done, stopped = completed(leaderboard), stopped_early(leaderboard)
    best = done["value"].cummin() if study["direction"] == "minimize" else done["value"].cummax()
    with chart(f"{study['metric']} of each trial and the best so far") as drawn:
        axes = drawn.axes
        axes.plot(stopped["number"], stopped["last_value"], "x", color=svg.FAINT, markersize=5, label="stopped early")
        axes.plot(done["number"], done["value"], "o", color=svg.FIRST, markersize=5, label="completed")
        last = leaderboard["number"].max()
        numbers, values = [*done["number"], last], [*best, best.iloc[-1]]
        axes.step(numbers, values, where="post", color=svg.FIRST, linewidth=1.2, label="best so far")
        _ring(axes, done[done["number"] == chosen], "number")
        axes.set(xlabel="trial", ylabel=study["metric"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="best")
    return drawn.markup


def reached(leaderboard: pd.DataFrame, study: Mapping[str, Any], chosen: int) -> Markup:
    """Where each trial ended over the seconds of training that it took."""
    done, stopped = completed(leaderboard), stopped_early(leaderboard)
    with chart(f"{study['metric']} of each trial over its seconds of training") as drawn:
        drawn.axes.plot(stopped["seconds"], stopped["last_value"], "x", color=svg.FAINT, markersize=5, label="stopped early")
        drawn.axes.plot(done["seconds"], done["value"], "o", color=svg.FIRST, markersize=5, label="completed")
        _ring(drawn.axes, done[done["number"] == chosen], "seconds")
        drawn.axes.set(xlabel="seconds of training", ylabel=study["metric"], xscale="log")
        svg.plain_numbers(drawn.axes, *drawn.axes.get_xlim())
        drawn.axes.legend(loc="best")
    return drawn.markup


def metric_curves(curves: pd.DataFrame, leaderboard: pd.DataFrame, metric: str, chosen: int) -> Markup:
    """The metric by epoch: every trial, stopped ones in grey, the chosen one in colour."""
    from matplotlib.ticker import MaxNLocator

    done = set(completed(leaderboard)["number"])
    shown = [number for number in leaderboard["number"].head(_MOST_CURVES) if number != chosen]
    with chart(f"{metric} of every trial by epoch") as drawn:
        for number in reversed(shown):
            curve = curves[curves["trial"] == number]
            color, width = (svg.FIRST, 0.9) if number in done else (svg.FAINT, 0.9)
            drawn.axes.plot(curve["epoch"], curve[metric], color=color, linewidth=width, alpha=0.6)
        best = curves[curves["trial"] == chosen]
        drawn.axes.plot(best["epoch"], best[metric], color=svg.SECOND, linewidth=2.4)
        for color, label in ((svg.SECOND, f"trial {chosen}, chosen"), (svg.FIRST, "completed"), (svg.FAINT, "stopped early")):
            drawn.axes.plot([], [], color=color, label=label)
        drawn.axes.set(xlabel="epoch", ylabel=metric)
        drawn.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.axes.legend(loc="best")
    return drawn.markup


def losses(curves: pd.DataFrame, refit: Sequence[float], chosen: int) -> Markup:
    """Train and val loss of the chosen trial, and the train loss of its refit on train + val."""
    from matplotlib.ticker import MaxNLocator

    best = curves[curves["trial"] == chosen]
    with chart("Losses of the chosen trial and of its refit by epoch") as drawn:
        drawn.axes.plot(best["epoch"], best["train_loss"], color=svg.FIRST, label="train, in the search")
        drawn.axes.plot(best["epoch"], best["val_loss"], color=svg.SECOND, label="val, in the search")
        drawn.axes.plot(range(1, len(refit) + 1), refit, "--", color=svg.FIRST, label="train + val, refit")
        drawn.axes.set(xlabel="epoch", ylabel="loss")
        drawn.axes.set_ylim(bottom=0)
        drawn.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.axes.legend(loc="best")
    return drawn.markup


def completed(leaderboard: pd.DataFrame) -> pd.DataFrame:
    """The trials that came to their end, by number."""
    return leaderboard[leaderboard["state"] == "completed"].sort_values("number")


def stopped_early(leaderboard: pd.DataFrame) -> pd.DataFrame:
    """The trials that the stopping rule or the end of the budget ended, if they have a value where they stood."""
    return leaderboard[leaderboard["state"].isin(("pruned", "interrupted")) & leaderboard["last_value"].notna()]


def _ring(axes: Axes, picked: pd.DataFrame, across: str) -> None:
    axes.plot(picked[across], picked["value"], "o", color=svg.SECOND, markersize=11, fillstyle="none", label="chosen")
