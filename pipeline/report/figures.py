"""Pictures as PNG bytes, made from values: search history, front, learning curves, confusion matrix. Same values, same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
_MOST_NUMBERED = 20  # classes, or trials of a front; of more the numbers are left out


def load() -> None:
    """Import what drawing takes, half a second of it, ahead of time."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def search_history(
    completed: Sequence[tuple[int, float]], stopped: Sequence[tuple[int, float]], metric: str, direction: str
) -> bytes:
    """Completed trials (number, value) as points with the best so far as a line, stopped ones where they stood, in grey.

    direction is "maximize" or "minimize".
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(7.0, 4.0)
    numbers, values = _columns(completed)
    best = list(accumulate(values, max if direction == "maximize" else min))
    axes.plot(*_columns(stopped), "x", markersize=5, color="0.6", label="stopped early")
    axes.plot(numbers, values, "o", markersize=5, alpha=0.7, label="completed")
    last = max([number for number, _ in (*completed, *stopped)], default=0)
    axes.step([*numbers, last], [*best, *best[-1:]] if best else [np.nan], where="post", label="best so far")
    axes.set(xlabel="trial", ylabel=metric, title="Search history")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return _png(figure)


def front(metric: str, panels: Mapping[str, Sequence[tuple[int, float, float, bool]]], chosen: int) -> bytes:
    """One panel an objective: the metric of each completed trial over its cost, those on the front with their numbers.

    panels: name of the objective → number, cost, value, on the front; chosen: the number of the trial that is refitted.
    """
    figure, first = _figure(7.0, 3.6 * len(panels), rows=len(panels))
    for axes, (name, points) in zip(figure.axes, panels.items(), strict=True):
        others = [(cost, value) for _, cost, value, on_front in points if not on_front]
        best = [(cost, value) for _, cost, value, on_front in points if on_front]
        picked = [(cost, value) for number, cost, value, _ in points if number == chosen]
        axes.plot(*_columns(others), "o", markersize=4, color="0.6", label="beaten")
        axes.plot(*_columns(best), "o", markersize=6, label="on the front")
        axes.plot(*_columns(picked), "o", markersize=12, fillstyle="none", color="C3", label="chosen")
        _write_numbers(axes, points)
        axes.set(xlabel=name, ylabel=metric)
        _scale_by_factors(axes)
    first.set_title("What each trial reached, and what its network costs")
    first.legend()
    return _png(figure)


def learning_curves(curves: Mapping[str, Sequence[float]]) -> bytes:
    """One line a metric over the epochs, losses above, shares (0–1) below when there are any."""
    losses = {name: values for name, values in curves.items() if name.endswith("loss")}
    shares = {name: values for name, values in curves.items() if name not in losses}
    panels = [(title, lines) for title, lines in (("loss", losses), ("share", shares)) if lines]
    figure, first = _figure(7.0, 3.2 * len(panels), rows=len(panels))
    for axes, (title, lines) in zip(figure.axes, panels, strict=True):
        for name, values in lines.items():
            axes.plot(range(1, len(values) + 1), values, marker=".", label=name)
        axes.set(ylabel=title)
        axes.legend()
    first.set_title("Learning curves")
    figure.axes[-1].set_xlabel("epoch")
    return _png(figure)


def confusion_matrix(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """Counts n×n, actual × predicted; the colour is the share of the actual class."""
    share = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    side = min(12.0, 2.5 + 0.45 * len(classes))
    figure, axes = _figure(side + 1, side)
    picture = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    ticks = range(len(classes)) if len(classes) <= 2 * _MOST_NUMBERED else []
    names = [classes[index] for index in ticks]
    axes.set_xticks(ticks, names, rotation=90, parse_math=False)
    axes.set_yticks(ticks, names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="actual", title="Confusion matrix (test)")
    figure.colorbar(picture, label="share of the actual class")
    if len(classes) <= _MOST_NUMBERED:
        _write_counts(axes, confusion, share)
    return _png(figure)


def _write_counts(axes: Axes, confusion: npt.NDArray[np.int64], share: npt.NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)


def _scale_by_factors(axes: Axes) -> None:
    """A logarithmic scale across, with plain numbers: at 1, 2 and 5 of each power of ten, of a short scale at more."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)


def _write_numbers(axes: Axes, points: Sequence[tuple[int, float, float, bool]]) -> None:
    best = [point for point in points if point[3]]
    for number, cost, value, _ in best if len(best) <= _MOST_NUMBERED else []:
        axes.annotate(str(number), (cost, value), xytext=(4, -11), textcoords="offset points", fontsize=8)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [across for across, _ in points], [up for _, up in points]


def _figure(width: float, height: float, rows: int = 1) -> tuple[Figure, Axes]:
    """A figure that no global state knows; importing matplotlib takes half a second, so only who draws does it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    for row in range(rows):
        figure.add_subplot(rows, 1, row + 1)
    return figure, figure.axes[0]


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
