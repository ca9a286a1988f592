"""What each hyperparameter did in a search, as charts of a page: its share, its values, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline.report import svg
from pipeline.report.search_charts import completed, stopped_early
from pipeline.report.svg import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TOP = 0.1  # share of the trials that parallel coordinates set apart
_LONGEST = 14  # characters of a choice at an axis


def importance(shares: Mapping[str, float], most: int = 10) -> Markup:
    """Bars, the largest on top."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])[:most]
    with chart("Share of the variance that each hyperparameter explains", height=60 + 21 * len(ranked)) as drawn:
        names, values = [name for name, _ in ranked], [value for _, value in ranked]
        drawn.axes.barh(names, values, height=0.62, color=svg.FIRST)
        for row, value in enumerate(values):
            drawn.axes.annotate(f"{value:.0%}", (value, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=10)
        drawn.axes.invert_yaxis()
        drawn.axes.set(xlim=(0, max(values) * 1.16 or 1), xlabel="share of the variance between configurations")
        drawn.axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        drawn.axes.grid(visible=False, axis="y")
        drawn.axes.tick_params(axis="y", length=0, labelcolor=svg.INK)
    return drawn.markup


def slices(leaderboard: pd.DataFrame, study: Mapping[str, Any], names: Sequence[str], chosen: int) -> list[Markup]:
    """One small chart a hyperparameter: what each trial reached over its value."""
    return [_slice(leaderboard, study, name, chosen) for name in names]


def parallel_coordinates(leaderboard: pd.DataFrame, study: Mapping[str, Any], names: Sequence[str], chosen: int) -> Markup:
    """A line a trial through its values; those of the best tenth in colour, the chosen one in another."""
    from matplotlib.collections import LineCollection

    table = leaderboard[leaderboard["last_value"].notna()]
    sign = 1.0 if study["direction"] == "minimize" else -1.0
    table = table.sort_values("last_value", key=lambda values: -sign * values, kind="stable")  # the best are drawn last
    top = set(table["number"].tail(max(1, round(_TOP * len(table)))))
    with chart("Parallel coordinates: the values of each trial", width=980, height=330) as drawn:
        axes = drawn.axes
        axes.grid(visible=False)
        heights = [_height(table[name], study["searched"][name]) for name in names]
        heights.append(_scaled(table["last_value"].astype(float), log=False))
        lines = np.stack([np.stack([np.full(len(table), place), up], axis=1) for place, up in enumerate(heights)], axis=1)
        styles = [_line_style(number, top, chosen) for number in table["number"]]
        order = sorted(range(len(table)), key=lambda row: styles[row][2])
        colors, widths, alphas = zip(*(styles[row] for row in order), strict=True)
        axes.add_collection(LineCollection([lines[row] for row in order], colors=colors, linewidths=widths, alpha=list(alphas)))
        labels = [*(name.partition(".")[2] or name for name in names), study["metric"].removeprefix("val_")]
        axes.set(xlim=(-0.15, len(labels) - 0.6), ylim=(-0.06, 1.06), yticks=[])
        axes.set_xticks(range(len(labels)), labels)
        axes.tick_params(axis="x", length=0, labelcolor=svg.INK)
        axes.spines[["left", "bottom"]].set_visible(False)
        for place, name in enumerate(names):
            _write_scale(axes, place, _ticks(table[name], study["searched"][name]))
        _write_scale(axes, len(names), _ends(table["last_value"].astype(float)))
    return drawn.markup


def _slice(leaderboard: pd.DataFrame, study: Mapping[str, Any], name: str, chosen: int) -> Markup:
    domain = study["searched"][name]
    choices = [str(choice) for choice in domain.get("choices", ())]
    with chart(f"{study['metric']} over {name}", width=240, height=185) as drawn:
        axes = drawn.axes
        for table, column, style, color in (
            (stopped_early(leaderboard), "last_value", "x", svg.FAINT),
            (completed(leaderboard), "value", "o", svg.FIRST),
        ):
            known = table[table[name].notna()]
            axes.plot(_places(known[name], choices), known[column], style, color=color, markersize=5)
        picked = completed(leaderboard)
        picked = picked[(picked["number"] == chosen) & picked[name].notna()]
        axes.plot(_places(picked[name], choices), picked["value"], "o", color=svg.SECOND, markersize=11, fillstyle="none")
        if choices:
            axes.set_xticks(range(len(choices)), [_short(choice) for choice in choices])
            axes.set_xlim(-0.6, len(choices) - 0.4)
        elif domain.get("log"):
            axes.set_xscale("log")
            svg.plain_numbers(axes, domain["low"], domain["high"])
        axes.set_title(name, fontsize=11)
    return drawn.markup


def _places(values: pd.Series[Any], choices: Sequence[str]) -> list[float]:
    """Where values stand across: numbers as they are, choices by their place."""
    return [float(choices.index(_as_written(value, choices))) if choices else float(value) for value in values]


def _as_written(value: object, choices: Sequence[str]) -> str:
    """A choice as the space names it: in a table 32 may be read as 32.0."""
    if str(value) in choices:
        return str(value)
    return next(choice for choice in choices if _number(choice) == _number(str(value)))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _height(values: pd.Series[Any], domain: Mapping[str, Any]) -> Any:
    """0 to 1 along an axis, NaN where a trial has no value, so that its line is broken there."""
    choices = [str(choice) for choice in domain.get("choices", ())]
    if not choices:
        return _scaled(values.astype(float), log=bool(domain.get("log")), low=domain["low"], high=domain["high"])
    places = [np.nan if pd.isna(value) else _places(pd.Series([value], dtype=object), choices)[0] for value in values]
    return np.array(places) / max(1, len(choices) - 1)


def _scaled(values: pd.Series[Any], *, log: bool, low: float | None = None, high: float | None = None) -> Any:
    known = values.to_numpy(dtype=float)
    low, high = (known.min() if low is None else low), (known.max() if high is None else high)
    if log:
        known, low, high = np.log(known), np.log(low), np.log(high)
    return (known - low) / (high - low) if high > low else np.full(len(known), 0.5)


def _ticks(values: pd.Series[Any], domain: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Height → what stands there."""
    choices = [str(choice) for choice in domain.get("choices", ())]
    if choices:
        return [(place / max(1, len(choices) - 1), _short(choice)) for place, choice in enumerate(choices)]
    return [(0.0, f"{domain['low']:g}"), (1.0, f"{domain['high']:g}")]


def _ends(values: pd.Series[Any]) -> list[tuple[float, str]]:
    return [(0.0, f"{values.min():.3g}"), (1.0, f"{values.max():.3g}")]


def _write_scale(axes: Axes, place: int, ticks: Sequence[tuple[float, str]]) -> None:
    axes.axvline(place, color=svg.LINE, linewidth=1)
    for height, text in ticks:
        axes.annotate(text, (place, height), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9.5, color=svg.SOFT)


def _line_style(number: int, top: set[int], chosen: int) -> tuple[str, float, float]:
    """Colour, width, opacity."""
    if number == chosen:
        return svg.SECOND, 2.4, 1.0
    return (svg.FIRST, 1.6, 0.9) if number in top else (svg.FAINT, 0.9, 0.55)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
